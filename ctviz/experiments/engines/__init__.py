"""Who carries a sweep's tasks out: worker processes of this machine, or a cluster."""
