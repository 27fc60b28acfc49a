"""What is made of a run on images when it is asked for."""
