"""Every setting and every metric described once: titles, symbols, units, directions, help, and their words."""
