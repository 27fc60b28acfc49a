"""Counterfactual training against its rivals: the same data, the same rule, the same number of tries."""
