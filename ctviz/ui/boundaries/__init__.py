"""The page Boundaries."""
