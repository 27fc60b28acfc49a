"""Engines run a sweep's tasks: in worker processes of this machine, or on a cluster."""
