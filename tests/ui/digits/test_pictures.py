"""Image grids of digits: whose lock is outlined, what limits a search, marks of a digit that nobody has labelled."""

from __future__ import annotations

import numpy as np
import pytest

from ctviz.experiments.analyses import AttackedSamples
from ctviz.experiments.config import Experiment
from ctviz.experiments.images.answers import ImageSample
from ctviz.ui.digits import answers, pictures
from ctviz.ui.digits.answers import Digit
from ctviz.ui.digits.digits_view import EPSILONS, DigitsView

SHIPPED = Experiment.preset("mnist")
D, K = 784, 10


def fooled(read: list[list[int]]) -> AttackedSamples:
    """Digits of which each model reads what is given, (m n)."""
    said = np.eye(K, dtype=np.float32)[np.array(read)][:, :, None]
    m, n = said.shape[:2]
    return AttackedSamples(1, EPSILONS, np.zeros((m, n, 1, D), np.float32), said)


def marks(label: int | None, labels: tuple[int, ...]) -> list[list[str]]:
    n = len(EPSILONS)
    read = [[8] * n, [2] * n, [2] * (n - 1) + [7]]
    digit = Digit(np.zeros(D, np.float32), label, "A digit")
    return [list(row[0]) for row in pictures.of_fooled(fooled(read), digit, labels, SHIPPED).marks]


def test_a_drawing_is_as_before_until_a_models_own_answer_changes() -> None:
    first, second, third = marks(None, (8, 2, 2))
    assert set(first) == set(second) == {"as before"}, "two models may read it otherwise, and none of them is wrong"
    assert third[0] == "as before"
    assert third[-1] == "changed"
    first, second, _ = marks(8, (8, 8, 8))
    assert set(first) == {"right"}
    assert set(second) == {"wrong"}


class Reader:
    """An explorer that only reads."""

    arms = ("a", "b", "c")

    def probabilities(self, snapshot: object, X: np.ndarray) -> np.ndarray:
        return np.eye(K)[[8, 2, 2]][:, None]


def test_of_a_drawing_each_models_own_reading_is_what_it_is_talked_out_of() -> None:
    pixels = np.zeros(D, np.float32)
    assert answers.labels_of(Reader(), None, Digit(pixels, None, "")) == (8, 2, 2)  # type: ignore[arg-type]
    assert answers.labels_of(Reader(), None, Digit(pixels, 3, "")) == (3, 3, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_the_papers_strength_is_measured_for_every_attack(attack: str) -> None:
    assert 0.1 in answers.strengths(DigitsView(attack=attack))


def test_a_lock_of_one_model_is_called_so() -> None:
    assert pictures.whose_lock(SHIPPED) == "pixels locked for one of the models"
    both = SHIPPED.replace({"arms.full.locked": ["rows 1-5", "rows 24-28"]})
    assert pictures.whose_lock(both) == "locked pixels"
    assert (
        pictures.whose_lock(SHIPPED.replace({"arms": "vanilla", "arms.vanilla.locked": ["rows 1"]})) == "locked pixels"
    )


def test_limits_of_a_search_are_told_where_they_are_not_the_first_models() -> None:
    assert pictures.limits_apart(SHIPPED) == ("", "", "fewer pixels may change")
    never = SHIPPED.replace({"arms.full locked.lock_when": "training"})
    assert pictures.limits_apart(never) == ("", "", ""), "the lock does not hold where advice is searched"
    other = SHIPPED.replace({"arms.vanilla.locked": ["rows 1"], "arms.full.locked": ["rows 2"]})
    assert pictures.limits_apart(other)[:2] == ("", "other pixels may change")
    up = SHIPPED.replace({"arms.full.increase_only": ["rows 1"]})
    assert pictures.limits_apart(up)[1] == "pixels may change in other ways"


def test_digits_to_choose_from_are_named() -> None:
    picked = ImageSample(np.array([1204, 7]), np.zeros((2, D), np.float32), np.array([3, 8]))
    grid = pictures.of_gallery(picked, 1)
    assert grid.names[0][:3] == ["A 3, test digit 1,204", "An 8, test digit 7, chosen", ""]
    assert grid.clickable == "Click a digit to look at it"


@pytest.mark.parametrize(
    ("steps", "taken", "shown", "first"),
    [(5, 2, 6, [0, 1, 2]), (200, 9, 201, [0, 1, 2]), (500, 30, 31, [0, 1, 2]), (500, 480, 97, [0, 5, 10])],
)
def test_a_long_search_is_shown_until_it_ends_at_every_few_steps(
    steps: int, taken: int, shown: int, first: list[int]
) -> None:
    found = pictures.steps_shown(steps, taken)
    assert (len(found), found[:3], found[-1]) == (shown, first, steps if steps <= 200 else taken)


def test_shares_of_right_answers_are_compared_answer_by_answer() -> None:
    reads = np.array([[1, 1, 0, 1], [1, 0, 0, 1]], bool)
    (first, second), (nothing, apart) = answers.shares_right(reads)
    assert (first.value, second.value, apart.value) == (0.75, 0.5, -0.25)
    assert np.isnan(nothing.value) and 0 < second.low < 0.5 < second.high < 1
    assert apart.high - apart.value == pytest.approx(2.5758 * np.sqrt(3 / 16) / 2, rel=1e-4)
