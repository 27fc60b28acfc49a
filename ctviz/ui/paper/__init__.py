"""The page Paper: the published tables, reproduced."""
