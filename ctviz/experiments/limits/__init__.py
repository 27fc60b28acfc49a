"""Where counterfactual training reaches its limits: five small experiments, each with what it shows in words."""
