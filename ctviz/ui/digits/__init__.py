"""Digits: what belongs to that page alone."""
