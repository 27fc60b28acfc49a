"""What a link to Digits holds: drawings, settings of explanations and searches, locks."""

from __future__ import annotations

import numpy as np
import pytest

from ctviz.data.schema import mask_ref
from ctviz.errors import ConfigError
from ctviz.experiments.config import Experiment
from ctviz.training.arm import Arm
from ctviz.ui.digits import locks
from ctviz.ui.digits.digits_view import DigitsView, valid_attribution
from ctviz.ui.digits.drawing import D, decode, encode
from ctviz.ui.digits.locks import usual
from ctviz.ui.kit import link
from ctviz.ui.kit.search import changed_search

MNIST = Experiment.preset("mnist")


def blob(seed: int, part: float = 0.2) -> np.ndarray:
    """Pixels of which a part is ink."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(D) < part, rng.uniform(-1, 1, D), -1).astype(np.float32)


@pytest.mark.parametrize("levels", [16, 4])
def test_a_drawing_comes_back_from_the_link(levels: int) -> None:
    part = 0.1 if levels == 16 else 0.9
    pixels = blob(1, part)
    text = encode(pixels)
    assert len(text) <= 300
    assert np.abs(decode(text) - pixels).max() <= 1 / (levels - 1) + 1e-6
    assert encode(decode(text)) == text, "read and written again, a link stays the same"


def test_extremes_are_kept_exactly() -> None:
    pixels = np.full(D, -1, np.float32)
    pixels[:100] = 1
    np.testing.assert_array_equal(decode(encode(pixels)), pixels)


@pytest.mark.parametrize("bad", ["x", "=", "AAAA", "é", encode(blob(0))[:-6], "eNpjYA" * 40])
def test_what_is_no_drawing_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError) as found:
        DigitsView(drawing=bad)
    assert found.value.field == "drawing"


def test_a_drawing_that_unpacks_to_much_is_refused_without_unpacking_it() -> None:
    import base64
    import zlib

    bomb = base64.urlsafe_b64encode(zlib.compress(bytes(10_000_000), 9)).decode()
    with pytest.raises(ConfigError):
        decode(bomb)


def test_a_view_round_trips_through_the_link() -> None:
    looked = DigitsView(
        part="fool", pick="own", drawing=encode(blob(3)), attribution={"method": "saliency", "smooth": 5},
        search={"tau": 0.6, "steps": 12}, attack="pgd", within=0, frame=7, strength=30, epoch=5,
    )  # fmt: skip
    query = link.write(MNIST, looked)
    assert all(len(text) <= link.MAX_LENGTH for text in query.values())
    opened = link.read(query, DigitsView, "mnist")
    assert not opened.problems
    assert opened.view == looked
    assert opened.experiment == MNIST


def test_what_is_usual_is_not_in_the_link() -> None:
    assert DigitsView(attribution={"method": "integrated_gradients", "steps": 50}) == DigitsView()
    assert valid_attribution({"steps": 20, "smooth": 0}) == (("steps", 20),)
    changed = changed_search(MNIST, (), {"tau": 0.6})
    assert dict(changed) == {"tau": 0.6}
    assert changed_search(MNIST, changed, {"tau": MNIST.evaluation.tau}) == ()


def test_settings_that_are_not_possible_are_refused_by_name() -> None:
    with pytest.raises(ConfigError) as found:
        DigitsView(attribution={"steps": 0})
    assert "steps" in found.value.field
    with pytest.raises(ConfigError):
        DigitsView(attribution={"method": "deep_lift", "output": "probability"})
    with pytest.raises(ConfigError):
        DigitsView(pick="class10")


def test_the_lock_of_the_paper_is_the_top_and_the_bottom_five_rows() -> None:
    mask = locks.locked_pixels(locks.PAPER_LOCK).reshape(28, 28)
    assert mask[:5].all()
    assert mask[-5:].all()
    assert not mask[5:-5].any()


def test_a_painted_mask_goes_by_its_usual_name() -> None:
    paper = locks.locked_pixels(locks.PAPER_LOCK)
    assert usual(paper, mask_ref(paper)) == locks.PAPER_LOCK
    assert usual(np.zeros(D, bool), mask_ref(np.zeros(D, bool))) == ()
    other = paper.copy()
    other[400] = True
    assert usual(other, mask_ref(other)) == (mask_ref(other),)
    np.testing.assert_array_equal(locks.locked_pixels(usual(other, mask_ref(other))), other)


def test_locks_are_for_the_models_that_are_named_so_else_for_all() -> None:
    assert [arm.name for arm in locks.lockable(MNIST)] == ["full locked"]
    two = MNIST.replace({"arms": (Arm.variant("vanilla"), Arm.variant("full"))})
    assert [arm.name for arm in locks.lockable(two)] == ["vanilla", "full"]
