"""Figures, and the player that browsers run."""

# plotly asks whether pandas is loaded and then uses it, even while another thread is still about to import it.
import pandas  # noqa: F401
