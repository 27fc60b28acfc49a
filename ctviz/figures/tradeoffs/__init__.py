"""A sweep in pictures and tables: maps, lines, the front between two metrics; all are functions of its results."""
