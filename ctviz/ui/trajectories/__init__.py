"""Trajectories: what belongs to that page alone."""
