"""Sweeps: many cells of settings, each trained with several seeds, packed into stacks."""
