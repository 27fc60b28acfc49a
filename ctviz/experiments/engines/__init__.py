"""Who carries a sweep's portions out: worker processes of this machine, or a cluster."""
