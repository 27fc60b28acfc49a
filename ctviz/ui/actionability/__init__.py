"""Actionability: what belongs to that page alone."""
