"""The paper's tables, computed anew and set beside the published numbers."""
