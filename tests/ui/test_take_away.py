"""What is brought back is bounded and checked before anything changes."""

from __future__ import annotations

import pytest

from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.ui.kit.export import MOST_TOML, from_toml, stem


def test_what_was_taken_away_comes_back() -> None:
    experiment = Experiment.preset("circles").replace({"training.epochs": 3})
    assert from_toml(experiment.to_toml().encode()) == experiment


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"\xff\xfe", "TOML in UTF-8"),
        (b"a = = 1", "valid TOML"),
        (b"[training]\nepochs = 'many'", "training.epochs"),
        (b"[training]\nsteps = 1", "no such setting"),
        (b"[training]\nlr = nan", "training.lr"),
        (b"#" * (MOST_TOML + 1), "at most"),
        (Experiment.preset("moons").replace({"arms": "a,b,c,d,e,f,g,h,i"}).to_toml().encode(), "at most 8"),
    ],
    ids=["not text", "not TOML", "wrong type", "unknown key", "not a number", "too large", "too many arms"],
)
def test_what_is_wrong_is_said(content: bytes, part: str) -> None:
    with pytest.raises(ConfigError, match="allowed: ") as error:
        from_toml(content)
    assert part in str(error.value)


def test_names_of_files_are_safe() -> None:
    assert stem(Experiment.preset("moons")).replace("-", "").isalnum()
