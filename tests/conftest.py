"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# Hypothesis's own profile for CI, everywhere: no deadline and no check of speed, so that a busy machine fails nothing,
# and examples that follow from the test alone, so that what passed for one passes for all. The other one looks for new
# examples: make test ARGS="--hypothesis-profile=random".
settings.register_profile("random", settings.get_profile("ci"), derandomize=False)
settings.load_profile("ci")
