"""What the steps of Learn claim, on the runs that ship: every number is that of the picture, and the claims hold."""

from __future__ import annotations

import math
import re
from dataclasses import fields, is_dataclass
from functools import cache

import numpy as np
import pytest

from ctviz.experiments.explorer import Explorer
from ctviz.experiments.store import open_store
from ctviz.prose import decimal, number, percent
from ctviz.ui.learn.facts import (
    GROUP,
    Facts,
    Picture,
    energy_of,
    facts_of,
    only,
    searches_of,
    settings_of,
    traces_of,
)
from ctviz.ui.learn.questions import QUESTIONS
from ctviz.ui.learn.steps import BOTH, CONVENTIONAL, LOCKED, PLACES, STEPS, TRAINED, ChoiceGuess, PlaceGuess, Step

ENERGIES = ("energy_real", "energy_end", "energy_start_real", "energy_start_end")
TELLING = [step.title for step in STEPS]


@cache
def run_of(preset: str):
    experiment = Picture(preset, (), at=(0, 0)).experiment
    store = open_store()
    return Explorer(experiment), store.scene(experiment.key), list(store.snapshots(experiment.key))


@cache
def facts_in(picture: Picture) -> Facts:
    return facts_of(*run_of(picture.preset), picture)


def step(title: str) -> Step:
    return next(step for step in STEPS if title in step.title)


def values_of(record: object) -> list[float]:
    """All numbers of a record, however deep."""
    if isinstance(record, bool):
        return []
    if isinstance(record, int | float):
        return [float(record)]
    if isinstance(record, dict):
        return [value for part in record.values() for value in values_of(part)]
    if isinstance(record, tuple):
        return [value for part in record for value in values_of(part)]
    if not is_dataclass(record):
        return []
    return [value for field in fields(record) for value in values_of(getattr(record, field.name))]


def written(facts: Facts) -> set[str]:
    """Every number of a picture in each way in which a sentence may write it."""
    values = [value for value in values_of(facts) if math.isfinite(value)]
    shares = [share for share in values if 0 <= share <= 1]
    efforts = list(facts.effort.values())
    more = [abs(b / a - 1) for a in efforts for b in efforts if a and b != a]
    points = [point for one in facts.searches.values() for point in (one.start, one.end)]
    texts = [number(value, 2) for value in values] + [percent(share) for share in [*shares, *more]]
    texts += [scale.text(point[i]) for point in points for i, scale in enumerate(facts.scales)]
    texts += [scale.amount(scale.scale) for scale in facts.scales]
    texts += [decimal(value) for name in ENERGIES for value in getattr(facts, name).values()]
    return {found for text in texts for found in numbers_in(text)} | {
        f"{value:.0f}" for value in values if value == int(value)
    }


def numbers_in(text: str) -> list[str]:
    return re.findall(r"−?\d+(?:,\d{3})*(?:\.\d+)?", text)


# -- the numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", STEPS, ids=TELLING)
def test_every_number_of_a_sentence_is_one_of_its_picture(one: Step) -> None:
    facts = facts_in(one.picture)
    said = one.reveal(facts) + " " + (one.price(facts) if one.price else "")
    own = [text for text in numbers_in(said) if text not in written(facts)]
    scale = {"1", "0"} if "lockstep" in said else set()  # the ends of a correlation
    assert set(own) <= scale, said


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.words[:30])
def test_the_answer_of_a_question_is_told_in_numbers_of_its_picture(question) -> None:
    facts = facts_in(question.picture)
    assert set(numbers_in(question.say(facts))) <= written(facts)
    assert 0 <= question.right(facts) < len(question.options)


@pytest.mark.parametrize("one", STEPS, ids=TELLING)
def test_words_before_the_guess_hold_no_number(one: Step) -> None:
    assert numbers_in(one.words + one.notes.replace("0 to 100", "")) == []


def test_numbers_are_those_of_a_slow_count() -> None:
    picture = step("Teach it").picture
    explorer, scene, snapshots = run_of(picture.preset)
    facts = facts_in(picture)
    X, y = scene.points.astype(np.float64), scene.labels
    real = X[y == 0]
    factuals, _ = explorer.pick("class1", GROUP)
    trace = explorer.trace(snapshots[-1], factuals, np.zeros(GROUP, dtype=int), settings_of(explorer.experiment))
    for arm, name in ((0, CONVENTIONAL), (1, TRAINED)):
        near, effort = [], []
        for row in range(GROUP):
            assert trace.mature[arm, row]
            end = trace.final[arm, row].astype(np.float64)
            near.append(min(math.dist(end, sample) for sample in real.tolist()))
            effort.append(sum(abs(end - factuals[row].astype(np.float64))))
        assert facts.near[name] == pytest.approx(np.mean(near), rel=1e-5)
        assert facts.effort[name] == pytest.approx(np.mean(effort), rel=1e-5)
        assert facts.arrived[name] == 1
        weights = {key: array[arm].astype(np.float64) for key, array in snapshots[-1].weights.items()}
        hidden = np.maximum(real @ weights["0.weight"].T + weights["0.bias"], 0)
        logits = hidden @ weights["1.weight"].T + weights["1.bias"]
        assert facts.energy_real[name] == pytest.approx(-logits[:, 0].mean(), rel=1e-4)
        hidden = np.maximum(trace.final[arm].astype(np.float64) @ weights["0.weight"].T + weights["0.bias"], 0)
        logits = hidden @ weights["1.weight"].T + weights["1.bias"]
        assert facts.energy_end[name] == pytest.approx(-logits[:, 0].mean(), rel=1e-4)
    shown = energy_of(explorer, scene, [snapshots[0], snapshots[-1]], picture).means
    assert shown.real.tolist() == [list(facts.energy_start_real.values()), list(facts.energy_real.values())]
    assert shown.ends.tolist() == [list(facts.energy_start_end.values()), list(facts.energy_end.values())]
    gaps = sorted(min(math.dist(a, b) for j, b in enumerate(real.tolist()) if j != i) for i, a in enumerate(real[:200]))
    assert facts.lonely[0] <= facts.lonely[1]
    assert gaps[-1] <= facts.lonely[1] + 1e-6 and gaps[0] < facts.lonely[0]


def test_the_one_search_is_that_of_the_picture() -> None:
    picture = step("Teach it").picture
    explorer, _, snapshots = run_of(picture.preset)
    (trace,) = traces_of(explorer, [snapshots[-1]], picture, picture.at)
    for arm, one in enumerate(searches_of(explorer, snapshots[-1], picture, picture.at).values()):
        assert one.end == pytest.approx(trace.points[arm, 0, trace.steps[arm, 0]])
        assert one.halfway == pytest.approx(trace.points[arm, 0, trace.nascent[arm, 0]])
        assert math.dist(one.end, one.nearest) == pytest.approx(one.near, rel=1e-5)


def test_models_that_are_left_out_leave_the_others_as_they_are() -> None:
    explorer, _, snapshots = run_of("figure1")
    picture = Picture("figure1", (LOCKED, CONVENTIONAL), at=(7.15, 0.77))
    shown = only(snapshots[-1], picture.index)
    assert picture.index == [2, 0]
    assert np.array_equal(shown.field[1], snapshots[-1].field[0])
    assert shown.paths is None and shown.metrics["ip"].shape == (2,)
    (trace,) = traces_of(explorer, [snapshots[-1]], picture, picture.at)
    whole = explorer.trace(snapshots[-1], [picture.at], [0], settings_of(explorer.experiment))
    assert np.array_equal(trace.points, whole.points[[2, 0]])
    assert np.array_equal(trace.targets, whole.targets)


# -- the claims ----------------------------------------------------------------------------------------


def test_each_step_claims_what_holds_on_its_run() -> None:
    decides = facts_in(step("A model decides").picture).searches[CONVENTIONAL]
    assert decides.predicted == 1, "the person is refused"
    least = facts_in(step("least that").picture).searches[CONVENTIONAL]
    assert least.arrived and least.sure >= 0.75

    alone = facts_in(step("believe").picture)
    assert alone.searches[CONVENTIONAL].near > alone.lonely[1], "farther than any real one is from the next"

    taught = facts_in(step("Teach it").picture)
    assert taught.near[TRAINED] < 0.65 * taught.near[CONVENTIONAL]
    assert taught.searches[TRAINED].near < taught.searches[CONVENTIONAL].near
    assert taught.effort[TRAINED] > taught.effort[CONVENTIONAL], "the price"
    said = step("Teach it").reveal(taught)
    assert "energy fell from" in said and "and rose from" in said

    early = facts_in(step("Early points").picture)
    assert abs(early.robust[TRAINED] - early.robust[CONVENTIONAL]) < 0.02, "little difference"
    halfway = early.searches
    assert max(one.halfway_sure for one in halfway.values()) < 0.1
    assert halfway[TRAINED].halfway_sure < halfway[CONVENTIONAL].halfway_sure
    for one in halfway.values():
        assert max(abs(a - b) for a, b in zip(one.start, one.halfway, strict=True)) <= 0.3 + 1e-6

    younger = facts_in(step("younger").picture)
    assert younger.effort[LOCKED] > 1.2 * younger.effort[CONVENTIONAL]
    assert younger.arrived[LOCKED] < younger.arrived[CONVENTIONAL] == 1
    assert younger.searches[LOCKED].end[1] == pytest.approx(younger.searches[LOCKED].start[1], abs=0)

    places = facts_in(step("Lock the training").picture)
    efforts = [places.effort[place] for place in PLACES]
    assert efforts == sorted(efforts, reverse=True)
    assert places.near["always"] > places.near["never"], "the price"

    proxies = facts_in(step("Stand-ins").picture)
    assert proxies.share[BOTH] < 0.3 * proxies.share[TRAINED]
    assert 0.5 < proxies.leak[BOTH] < proxies.leak[TRAINED]
    assert proxies.linked > 0.5

    fails = facts_in(step("costs").picture)
    assert fails.near[TRAINED] < fails.near[CONVENTIONAL] < fails.near["tiny steps"]
    assert fails.mature["tiny steps"] == 0

    moons = facts_in(step("Your turn").picture)
    assert max(moons.near.values()) < moons.lonely[1]


def test_the_border_turns_upright_where_training_is_locked() -> None:
    """Age decides less: its share of the score falls, and moving age alone moves the border hardly at all."""
    *_, snapshots = run_of("where")
    sizes = {}
    for arm, place in enumerate(PLACES):
        weights = {key: array[arm].astype(np.float64) for key, array in snapshots[-1].weights.items()}

        def score(x, weights=weights):
            hidden = np.maximum(weights["0.weight"] @ np.array(x) + weights["0.bias"], 0)
            out = weights["1.weight"] @ hidden + weights["1.bias"]
            return out[0] - out[1]

        def border(age, score=score):
            low, high = 0.0, 10.0  # yes on the left, no on the right
            for _ in range(60):
                middle = (low + high) / 2
                low, high = (middle, high) if score((middle, age)) > 0 else (low, middle)
            return low

        sizes[place] = abs(border(1.0) - border(-1.0))
    assert sizes["always"] < 0.25 * sizes["never"]
    assert sizes["training"] < 0.25 * sizes["searching"]


def test_before_training_the_advice_has_the_lower_energy_and_afterwards_the_higher() -> None:
    facts = facts_in(QUESTIONS[2].picture)
    assert facts.energy_start_end[TRAINED] < facts.energy_start_real[TRAINED]
    assert facts.energy_end[TRAINED] > facts.energy_real[TRAINED]
    assert facts.energy_real[TRAINED] < facts.energy_start_real[TRAINED], "pulled down"
    assert facts.energy_end[TRAINED] > facts.energy_start_end[TRAINED], "pushed up"


def test_answers_are_those_of_the_specification() -> None:
    answers = [question.options[question.right(facts_in(question.picture))] for question in QUESTIONS]
    assert answers == [
        "No", "Low", "Pull real people down, push the advice up", "The right one's", "It gets dearer",
        "It has not worked in full", "Next to nothing", "Yes",
    ]  # fmt: skip


def test_a_right_guess_is_one_of_those_offered() -> None:
    for one in STEPS:
        if isinstance(one.guess, ChoiceGuess):
            assert 0 <= one.guess.right(facts_in(one.picture)) < len(one.guess.options)
        if isinstance(one.guess, PlaceGuess):
            assert one.guess.arm in one.picture.arms
        if one.asking is not None:
            assert isinstance(one.guess, ChoiceGuess) or one.guess.arm not in one.asking.arms, "it would tell"
