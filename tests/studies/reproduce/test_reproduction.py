"""What is trained and how it is evaluated follows from the settings, as the paper says."""

import pytest

from ctviz.errors import ConfigError
from ctviz.studies.reproduce.published import HERE, TABLE1, TITLES
from ctviz.studies.reproduce.reproduction import CELLS, Choice, Reproduction

CELL, OTHER = Choice(tau=0.9, lambda_reg=0.5), Choice(tau=0.5, lambda_reg=0.01)


def arms(experiment):
    return {arm.name: arm for arm in experiment.arms}


def test_every_cell_of_the_grid_is_an_arm_beside_conventional_training():
    experiment = Reproduction().selection("moons", 3)
    assert len(CELLS) == 12
    assert len(experiment.arms) == 13
    assert {(arm.tau, arm.lambda_reg) for arm in experiment.arms[1:]} == {(c.tau, c.lambda_reg) for c in CELLS}
    assert not experiment.arms[0].trains_on_counterfactuals
    assert experiment.seed == experiment.data.seed == 3
    assert experiment.model.initial == "glorot"


def test_the_parts_of_the_objective_are_the_papers():
    found = arms(Reproduction().final("ls", 0, CELL, OTHER))
    weights = {name: (arm.lambda_div, arm.lambda_adv, arm.lambda_reg) for name, arm in found.items()}
    assert weights == {
        "vanilla": (0, 0, 0),
        "full": (0.5, 0.25, 0.5),
        "adversarial": (0, 0.25, 0),
        "energy": (0.5, 0, 0.5),
        "full other cell": (0.5, 0.25, 0.01),
    }
    assert {name: arm.tau for name, arm in found.items() if name != "vanilla"} == {
        "full": 0.9, "adversarial": 0.9, "energy": 0.9, "full other cell": 0.5,
    }  # fmt: skip
    assert not any(arm.locked for arm in found.values())


LOCKS = {"circles": (0,), "mnist": ("rows 1-5", "rows 24-28"), "adult": ("age",), "california": ("house age",)}


@pytest.mark.parametrize(("data", "lock"), LOCKS.items())
def test_under_the_lock_conventional_training_is_explained_and_the_others_are_trained(data, lock):
    reproduction = Reproduction()
    final = reproduction.locked_final(data, 0, CELL, OTHER)
    unlocked = arms(final)["full explained under lock"]
    assert unlocked.holds("advice")
    assert not unlocked.holds("training")
    for experiment in (final, reproduction.locked_selection(data, 0)):
        plain, *others = [arm for arm in experiment.arms if arm != unlocked]
        assert plain.locked == lock
        assert plain.holds("advice")
        assert not plain.holds("training")
        assert all(arm.locked == lock and arm.holds("training") and arm.holds("advice") for arm in others)
    assert reproduction.scouting(data, 4).arms == (plain,)


def test_nothing_is_chosen_on_test_data():
    reproduction = Reproduction()
    for data in HERE:
        assert reproduction.on_validation(data).split == reproduction.on_validation_locked(data).split == "validation"
        assert reproduction.on_test(data).split == reproduction.on_test_locked(data).split == "test"


def test_protocols_are_the_papers():
    reproduction = Reproduction()
    free, locked = reproduction.on_test("moons"), reproduction.on_test_locked("moons")
    assert (free.rounds, free.factuals, free.tau, free.steps) == (100, 250, 0.95, 50)
    assert free.lambda_egy == (0.1, 0.5, 1, 5, 10)
    assert (locked.rounds, locked.factuals, locked.tau) == (100, 250, 0.5)
    assert reproduction.on_test("mnist").factuals == 25
    assert reproduction.on_test("credit").factuals == 100
    assert ["median" in reproduction.on_test(data).also for data in ("credit", "mnist", "moons")] == [True, True, False]
    credit = reproduction.final("credit", 0, CELL, OTHER)
    assert (credit.training.batch, credit.training.n_ce, credit.data.n_train) == (1000, 5000, 9618)
    assert free.level == 0.99


def test_data_are_taken_in_the_tables_order_once_each():
    assert Reproduction(data="mnist, moons,ls,moons").data == ("ls", "moons", "mnist")


@pytest.mark.parametrize("data", ["", "wine", "moons,nothing", ("moons", 3), 7])
def test_other_data_are_refused_with_what_there_is(data):
    with pytest.raises(ConfigError, match="ls, circles, moons, ol, adult, california, credit, gmsc, mnist, german"):
        Reproduction(data=data)


def test_equal_settings_have_equal_keys_and_others_others():
    assert Reproduction(data="ls,moons").key == Reproduction(data="moons,ls").key
    keys = {Reproduction().key, Reproduction(seeds=3).key, Reproduction.quick().key, Reproduction(rounds=50).key}
    assert len(keys) == 4


def test_digits_are_chosen_for_on_fewer_draws():
    assert list(Reproduction(seeds=5).selecting("mnist")) == [0]
    assert Reproduction(seeds=5).selection("mnist", 0).training.epochs == 20
    assert Reproduction(seeds=5, epochs=3).selection("mnist", 0).training.epochs == 3
    assert Reproduction(seeds=5).selection("ls", 0).training.epochs == 100
    assert Reproduction(seeds=5).final("mnist", 0, CELLS[0], CELLS[1]).training.epochs == 100
    assert (Reproduction(seeds=20).draws("mnist"), Reproduction(seeds=20).draws("ls")) == (5, 20)
    assert list(Reproduction(seeds=5).selecting("ls")) == [0, 1, 2, 3, 4]


def test_of_tables_the_first_draws_alone_have_all_arms():
    r = Reproduction(seeds=20)
    assert (r.draws("credit"), list(r.selecting("credit"))) == (20, [0, 1, 2])
    for final, pair in ((r.final, ["vanilla", "full"]), (r.locked_final, ["vanilla locked", "full locked"])):
        assert len(final("credit", 2, CELL, OTHER).arms) > 2
        assert list(arms(final("credit", 3, CELL, OTHER))) == pair
    assert r.judging("credit", 3, CELL, OTHER) == r.final("credit", 3, CELL, OTHER)
    assert list(arms(r.judging("credit", 0, CELL, OTHER))) == ["vanilla", "full"]
    assert r.judging("ls", 0, CELL, OTHER) == r.final("ls", 0, CELL, OTHER)


def test_published_numbers_have_a_title_and_three_columns():
    assert [*TABLE1, "german"] == list(TITLES) == list(HERE)
    assert Reproduction().data == ("ls", "circles", "moons", "ol", "mnist")
    assert all(set(row) == {"ip", "ip_star", "cost"} for row in TABLE1.values())
    significant = [sum(row[metric].significant for row in TABLE1.values()) for metric in ("ip", "ip_star", "cost")]
    assert significant == [7, 7, 7]
    assert TABLE1["moons"]["cost"].reduction == 2.86
    assert TABLE1["ol"]["ip_star"].error == 14.52
