"""The player: what runs in the browser to show boundaries, searches and pictures, as ES modules and styles."""
