"""The app, with Streamlit."""

from ctviz.imports import standard_library_first

# Streamlit puts the folder of the app before all others, and what lies in a checkout is not ours alone.
standard_library_first()
