"""Advice for a person as pictures: the changes of a plan, and a sheet to take home."""
