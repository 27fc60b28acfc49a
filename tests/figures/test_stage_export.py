"""The standalone page: whole, closed to the network, and deaf to markup in names."""

import base64
import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest

from ctviz.errors import DataError
from ctviz.experiments.config import Experiment
from ctviz.figures.stage.export import standalone_html
from ctviz.figures.stage.recording import unpack
from tests.figures import fake

SCENE = fake.scene(n=40, b=5)
SNAPSHOTS = fake.snapshots(SCENE, epochs=3, g=8, steps=6)
EVIL = '</script><script>alert(1)</script>"&<b>'


def recording(page: str) -> bytes:
    found = re.search(r'<script type="text/plain" id="data">([^<]*)</script>', page)
    return base64.b64decode(found[1])


def test_the_run_lies_in_the_page():
    page = standalone_html(SCENE, SNAPSHOTS, Experiment())
    header, arrays = unpack(recording(page))
    assert header["key"] == Experiment().key and header["last"] == 3 and header["total"] == 100
    np.testing.assert_array_equal(arrays["fields"], np.stack([s.field for s in SNAPSHOTS]).ravel())


def test_the_energies_lie_in_the_page_where_they_are_asked_for():
    energy = fake.energies(SCENE, SNAPSHOTS, 0, epochs=3)
    header, arrays = unpack(recording(standalone_html(SCENE, SNAPSHOTS, Experiment(), energy=energy)))
    assert header["initial"]["layer"] == "energy" and header["energy"]["usual"] == 0
    np.testing.assert_array_equal(arrays["energies"], energy.levels.ravel())
    header, arrays = unpack(recording(standalone_html(SCENE, SNAPSHOTS, Experiment())))
    assert header["initial"]["layer"] == "probability" and header["energy"] is None and "energies" not in arrays


def test_the_page_allows_its_own_script_and_no_request():
    page = standalone_html(SCENE, SNAPSHOTS, Experiment())
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    script = re.search(r'<script type="module">(.*?)</script>', page, re.S)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'") and f"'sha256-{digest}'" in policy
    assert "connect-src" not in policy and "unsafe-eval" not in policy and "http" not in policy


def test_names_are_text():
    scene = replace(SCENE, classes=(EVIL, "b"), features=(EVIL, "x2"))
    page = standalone_html(scene, SNAPSHOTS, Experiment(), title=EVIL)
    assert "alert(1)</script>" not in page and "<b>" not in page
    assert page.count("<script") == 2  # the data and the module
    assert unpack(recording(page))[0]["recording"]["scene"]["classes"][0] == EVIL


def test_the_settings_are_told():
    page = standalone_html(SCENE, SNAPSHOTS, Experiment().replace({"arms.full.tau": 0.62, "data.noise": 0.17}))
    assert "<td>0.62</td>" in page and "<td>0.17</td>" in page
    assert "stopped after epoch 3" in page


def test_a_page_needs_a_snapshot():
    with pytest.raises(DataError, match="at least one snapshot"):
        standalone_html(SCENE, [], Experiment())
