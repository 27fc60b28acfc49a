"""The limits of counterfactual training: five small experiments, each with its finding in words."""
