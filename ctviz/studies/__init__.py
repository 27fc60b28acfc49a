"""Studies of variants over seeds: where counterfactual training was expected to fail, and whether it does."""
