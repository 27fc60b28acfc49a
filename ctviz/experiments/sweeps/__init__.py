"""Many cells of settings, each trained at several seeds, in as few stacks as is fast."""
