"""Trade-offs: what belongs to that page alone."""
