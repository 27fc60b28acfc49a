"""What holds for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# Hypothesis's own profile for CI, everywhere: no deadline and no check of speed, so that a busy machine fails nothing,
# and examples that follow from the test alone, so that what passed for one passes for all. The other one looks for new
# examples: make test ARGS="--hypothesis-profile=random".
settings.register_profile("random", settings.get_profile("ci"), derandomize=False)
settings.load_profile("ci")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What goes to one worker of ``pytest -n 2 --dist loadgroup``: a file, for its fixtures, or all that need the app.

    Those for the browser share one server and one Chromium.
    """
    for item in items:
        path = item.path.relative_to(Path(__file__).parent)
        item.add_marker(pytest.mark.xdist_group(path.parts[0] if path.parts[0] == "browser" else str(path)))
