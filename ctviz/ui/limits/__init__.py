"""What belongs to the page Limits alone."""
