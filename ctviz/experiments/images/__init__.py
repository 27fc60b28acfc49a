"""Analyses of runs on images, computed on demand."""
