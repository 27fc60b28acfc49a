"""Pictures of digits: the grid that shows many of them in step, the drawing pad, the mask painter."""
