"""The page Recourse: what one person has to change so that models accept them."""
