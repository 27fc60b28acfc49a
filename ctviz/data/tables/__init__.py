"""Tables of people and places: those that ship, those of one's own."""
