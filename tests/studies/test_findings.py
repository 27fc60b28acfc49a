"""What the limits say follows from the numbers alone: the same study told of opposite numbers says the opposite."""

from __future__ import annotations

import math

import pytest

from ctviz.errors import ConfigError
from ctviz.studies.box import AVERAGED, HALFWAY, VARIED
from ctviz.studies.registry import LIMITS, study_of
from ctviz.studies.summary import CONVENTIONAL
from tests.studies.tables import made_up


def maturity(starving_costs: bool):
    """Nothing matures at τ = 0.99, everything at less; starved arms gain nothing, or as much as others."""

    def value(panel: str, variant: str, dose: float, epoch: int, metric: str) -> float:
        if metric == "trained_mature":
            return math.nan if math.isnan(dose) else float(dose < 0.99)
        if variant == CONVENTIONAL:
            return 4.0
        return 4.0 if dose == 0.99 and starving_costs else 2.0

    return value


def test_maturity_says_what_is_lost_and_what_is_not() -> None:
    study = study_of("maturity")
    lost = study.finding(made_up(study, maturity(starving_costs=True)), study.metric())
    assert lost.shows == tuple(panel.title for panel in study.panels)
    assert "is lost on Linearly separable" in lost.headline
    assert "50 % (50 to 50 %) where most searches arrive, 0 % (0 to 0 %)" in lost.sentences[0]
    kept = study.finding(made_up(study, maturity(starving_costs=False)), study.metric())
    assert kept.shows == ()
    assert kept.headline.startswith("Where no search arrives, no loss of the gain shows")


def test_maturity_says_nothing_where_nothing_starves() -> None:
    study = study_of("maturity")
    table = made_up(study, maturity(starving_costs=True))
    table.loc[table["metric"] == "trained_mature", "value"] = 1.0
    found = study.finding(table, study.metric())
    assert "nothing can be said" in found.sentences[0]
    assert found.headline == "Nothing measured yet"


@pytest.mark.parametrize(("factor", "explodes"), [(1000.0, True), (2.0, False)])
def test_energies_explode_or_not(factor: float, explodes: bool) -> None:
    study = study_of("energies")

    def value(panel: str, variant: str, dose: float, epoch: int, metric: str) -> float:
        if metric in ("all_skipped", "loss_reg"):
            return 0.0
        return {"energy": 3.0 * (factor if dose == 0 else 1), "ip": 2.0 if dose == 0 else 1.0}.get(metric, 0.9)

    found = study.finding(made_up(study, value), study.metric())
    assert bool(found.shows) == explodes
    assert ("explode" in found.headline) == explodes
    assert "less close to real data" in found.sentences[0]
    assert "No batch had to be left out" in found.sentences[-1]


def test_energies_count_the_batches_left_out() -> None:
    study = study_of("energies")
    table = made_up(study, lambda panel, variant, dose, epoch, metric: 1.0)
    table.loc[table["metric"] == "all_skipped", "value"] = 0.0
    spot = table.index[(table["metric"] == "all_skipped") & (table["dose"] == 0)][0]
    table.loc[spot, "value"] = 7.0
    assert "7 batches were left out" in study.finding(table, study.metric()).sentences[-1]


@pytest.mark.parametrize(
    ("bare", "protected", "said"),
    [
        (
            0.6,
            0.2,
            "lean on the feature less. Compared with a training that knows no lock, models lean on it more",
        ),
        (
            0.2,
            0.6,
            "lean on the feature more. Compared with a training that knows no lock, models lean on it no differently",
        ),
    ],
)
def test_locks_follow_the_share_whatever_is_shown(bare: float, protected: float, said: str) -> None:
    study = study_of("locks")
    shares = {"lock without protection": bare, "lock with protection": protected}

    def value(panel: str, variant: str, dose: float, epoch: int, metric: str) -> float:
        return shares.get(variant, 0.2) if metric == "share" else 1.0

    table = made_up(study, value)
    for metric in study.shown:
        found = study.finding(table, metric)
        assert said in found.sentences[0]
        assert bool(found.shows) == (bare > protected)
        assert ("towards the locked feature" in found.headline) == (bare < protected)


def test_generator_names_the_harms_that_cost() -> None:
    study = study_of("generator")

    def value(panel: str, variant: str, dose: float, epoch: int, metric: str) -> float:
        if variant == CONVENTIONAL:
            return 4.0
        return 3.0 if panel == "ls" and variant == "Steps T" and dose <= 2 else 2.0

    found = study.finding(made_up(study, value), study.metric())
    assert found.shows == ("Linearly separable",)
    assert "Less with 1 step (25 %) and 2 steps (25 %)." in found.sentences[0]
    assert "With none of the harms is it less by more than chance." in found.sentences[1]


@pytest.mark.parametrize(("late", "said"), [(4.0, "has shrunk; what is left cannot be told"), (1.0, "It has grown")])
def test_long_compares_early_with_late(late: float, said: str) -> None:
    study = study_of("long")

    def value(panel: str, variant: str, dose: float, epoch: int, metric: str) -> float:
        if variant == CONVENTIONAL:
            return 4.0
        return late if epoch == 1000 else 2.0

    table = made_up(study, value, epochs=(50, 100, 1000))
    found = study.finding(table, study.metric())
    assert said in found.sentences[0]
    assert "is 50 % (50 to 50 %) after 100 epochs" in found.sentences[0]
    assert bool(found.shows) == (late == 4.0)


@pytest.mark.parametrize(
    ("averaged", "said"), [(2.0, "advice ends closer"), (4.0, "could be chance"), (6.0, "farther from real data on")]
)
def test_box_says_gain_price_and_failed_draws(averaged: float, said: str) -> None:
    study = study_of("box")

    def value(panel: str, variant: str, dose: float, epoch: int, metric: str) -> float:
        if metric == "validity_fine":
            return 0.5 if variant == AVERAGED and panel == "ls" else 1.0
        if metric.startswith(("validation", "validity", "robust")):
            return 0.97 if variant == AVERAGED and metric == "validation_accuracy" else 1.0
        return {AVERAGED: averaged, VARIED: 3.2, HALFWAY: 3.0}.get(variant, 4.0)

    found = study.finding(made_up(study, value, draws=3), study.metric())
    assert said in found.headline
    assert "half-way boxes gain 25 % (25 to 25 %)." in found.sentences[0]
    failed = "3 with these and averaged weights, of 3 draws each." if averaged > 4 else "none of 3 draws."
    assert f"Advice ends farther from real data by more than 10 % on {failed}" in found.sentences[0]
    assert "accuracy falls by 3.0 points" in found.sentences[0]
    apart = {2.0: "is more than", 4.0: "cannot be told from", 6.0: "is less than"}[averaged]
    alone = "is more than" if averaged < 3.2 else "is less than"
    assert f"That {apart} 0 % (0 to 0 %) with one box for all and the paper's settings, and" in found.sentences[0]
    assert f"and {alone} 20 % (20 to 20 %) with weights as they are;" in found.sentences[0]
    gained = 25 * (4 - averaged)
    assert f"by, it is {gained:.0f} % (".replace("-", "−") in found.sentences[0]
    assert "by, it is" not in study.finding(made_up(study, value, draws=3), study.metric("gain_ip")).sentences[0]
    assert "they cost accuracy on Figure 1 of the paper" in found.headline
    assert "fewer searches in steps of η = 0.01 arrive on Linearly separable" in found.headline
    assert ("gains more on Figure 1 of the paper" in found.headline) == (averaged > 4)
    assert bool(found.shows) == (averaged > 4)


@pytest.mark.parametrize("study", LIMITS.values(), ids=LIMITS)
def test_nothing_measured_is_said_to_be_nothing(study) -> None:
    table = made_up(study, lambda *_: 1.0, draws=0)
    for metric in study.shown:
        found = study.finding(table, metric)
        assert found.headline == "Nothing measured yet"
        assert found.shows == ()


def test_maturity_tells_a_part_from_all() -> None:
    """Half of the gain gone is no gain lost."""
    study = study_of("maturity")

    def value(panel: str, variant: str, dose: float, epoch: int, metric: str) -> float:
        if metric == "trained_mature":
            return math.nan if math.isnan(dose) else float(dose < 0.99)
        if variant == CONVENTIONAL:
            return 4.0
        return 3.0 if dose == 0.99 and panel == "moons" else 2.0 if panel != "ls" or dose < 0.99 else 4.0

    found = study.finding(made_up(study, value), study.metric())
    kept = "Circles and Overlapping"
    lost = "the gain is lost on Linearly separable and smaller on Moons"
    assert found.headline == f"Where no search arrives, {lost}; no difference shows on {kept}"
    assert "a part of the gain" in found.sentences[1]


def test_maturity_compares_at_the_same_step_length_alone() -> None:
    """Nothing arrives in the shortest steps, all in the others, which gain more: that says nothing of arriving."""
    study = study_of("maturity")

    def value(panel: str, variant: str, dose: float, epoch: int, metric: str) -> float:
        short = variant == "η = 0.01"
        if metric == "trained_mature":
            return math.nan if math.isnan(dose) else float(not short or (panel == "circles" and dose == 0.5))
        if variant == CONVENTIONAL:
            return 4.0
        return 2.0 if not short else 3.0 if dose == 0.5 else 1.0

    found = study.finding(made_up(study, value), study.metric())
    assert found.shows == ()
    assert found.headline == "Where no search arrives, the gain is larger on Circles"
    assert "nothing can be said" in found.sentences[0]
    circles = found.sentences[2]
    assert "at η = 0.01 the gain is 25 % (25 to 25 %) where most searches arrive, 75 % (75 to 75 %)" in circles
    assert "the divergence takes from it" in circles
    assert "the gain is 50 % at η = 0.05 and 50 % at η = 0.25." in circles


def test_a_gain_that_was_never_clear_is_not_called_lost() -> None:
    for name, epochs in (("long", (100, 1000)), ("generator", (100,))):
        study = study_of(name)

        def value(panel: str, variant: str, dose: float, epoch: int, metric: str) -> float:
            harmed = epoch == 1000 or (variant == "Steps T" and dose <= 2)
            return 4.0 if variant == CONVENTIONAL else 4.0 if harmed else 2.0

        table = made_up(study, value, epochs=epochs)
        clear = study.finding(table, study.metric())
        assert ("gone on" if name == "long" else "cost all of the gain on") in clear.headline
        own = table["panel"].eq("moons") & table["variant"].ne(CONVENTIONAL) & table["value"].lt(3)
        table.loc[own, "value"] += 4 * (table.loc[own, "seed"] % 2)
        found = study.finding(table, study.metric())
        assert "on Moons there" in found.headline
        assert "no clear gain to lose" in found.headline
        assert "Moons" in clear.headline.partition(";")[0]
        assert "Moons" not in found.headline.partition(";")[0]


def test_long_has_a_headline_of_what_is_shown() -> None:
    study = study_of("long")

    def value(panel: str, variant: str, dose: float, epoch: int, metric: str) -> float:
        return 9.0 if metric == "energy" and epoch == 1000 and panel == "moons" else 2.0

    found = study.finding(made_up(study, value, epochs=(100, 1000)), study.metric("energy"))
    assert "the mean energy of the counterfactually trained model rises on Moons and does not change" in found.headline


def test_every_limit_is_told_by_what_its_table_holds() -> None:
    assert list(LIMITS) == list(LIMITS)
    for name, told in LIMITS.items():
        assert {metric.column for metric in told.shown} <= set(LIMITS[name].metrics)
        assert all(metric.title and metric.symbol and metric.help.endswith(".") for metric in told.shown)


def test_a_number_of_another_story_is_named() -> None:
    with pytest.raises(ConfigError, match="metric is 'share'"):
        LIMITS["long"].metric("share")


def test_doors_lead_to_runs_that_their_pages_can_open() -> None:
    from ctviz.ui.kit.link import read  # the link is the page's

    for told in LIMITS.values():
        for link in told.links:
            assert read(dict(link.query)).problems == ()
