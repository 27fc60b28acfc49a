"""Pictures of digits: the wall that shows many of them in step, the drawing pad, the mask painter."""
