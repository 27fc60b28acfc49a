"""Learn: what belongs to that page alone."""
