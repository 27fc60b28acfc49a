"""The comparison with rivals in words and pictures: where it wins, loses, ties."""

from dataclasses import asdict

import pytest

from ctviz.figures.rivals import dots, dots_words
from ctviz.figures.rivals_tables import to_csv, to_markdown
from ctviz.figures.rivals_words import caveat, gains, headline, how, price, settings, standing
from ctviz.figures.theme import LIGHT
from ctviz.studies.rivals.methods import BY_NAME
from ctviz.studies.rivals.result import MEASURES, ChosenSettings, TriedSettings
from ctviz.studies.rivals.settings import EXTENTS
from tests.studies.rivals.made_up import result, row


def made(conventional=2.0, schedule=1.8, full=1.5, **ours):
    return {"conventional": {"ip": conventional}, "schedule": {"ip": schedule}, "full": {"ip": full, **ours}}


OTHER = "conventional training with another schedule"


def test_the_headline_counts_gain_price_and_the_search_with_which_least_is_gained():
    assert headline(result(row("moons", made()), row("ls", made()))) == (
        "By the distance to real data counterfactual training is ahead of 2 of 2 methods, behind 0. Beside "
        "conventional training it has no clear price in accuracy, effort or validity. With the paper's search it wins "
        "4 and loses 0 of 4 comparisons."
    )
    dear = headline(result(row("moons", made(accuracy=0.95), (-9.0, -10.0, -11.0)), row("ls", made(accuracy=0.95))))
    assert "it loses accuracy on 2 and takes more effort under the lock on 1 of 2 data sets." in dear


def test_the_gain_where_it_wins_loses_and_ties():
    wins = result(row("moons", made()), row("ls", made()))
    assert gains(wins) == (
        "By how close its advice lies to real data, counterfactual training is ahead of conventional training (4 : 0) "
        f"and {OTHER} (4 : 0): comparisons won and lost beyond chance, of 4 (2 data sets, 2 searches)."
    )
    loses = gains(result(row("moons", made(full=2.5))))
    assert f"training is behind conventional training (0 : 2) and {OTHER} (0 : 2):" in loses
    mixed = gains(result(row("moons", made(schedule=1.0)), row("ls", made(full=2.0))))
    assert f"ahead of conventional training (2 : 0), behind {OTHER} (0 : 4)" in mixed
    assert f"level with {OTHER} (0 : 0)" in gains(result(row("moons", made(full=1.8))))
    named = gains(result(row("moons", {**made(), "counternet": {"ip": 3.0}, "pgd": {"ip": 3.0}})))
    assert "CounterNet (2 : 0) and PGD adversarial training (2 : 0)" in named
    nothing = result(row("moons", made())).model_copy(update={"rows": ()})
    assert not gains(nothing) and headline(nothing) == "Nothing has been compared yet."


def test_the_price_is_told_where_there_is_one_and_denied_where_there_is_none():
    cheap = price(result(row("moons", made(seconds=3.0))))
    assert "it clearly loses no accuracy and takes no more effort under the lock; its training takes 3 times" in cheap
    assert "that of the rivals 1 times" in cheap
    dear = price(result(row("moons", made(accuracy=0.95, pgd=0.8), (-9.0, -10.0, -11.0))))
    assert "loses accuracy on Moons (3 points) and takes more effort under the lock on Moons (10 %)" in dear
    assert "In accuracy under attack it is ahead of 0 of 2 methods, behind 2." in dear


def test_the_caveat_names_the_nearest_sample_and_each_search():
    said = caveat(result(row("moons", made(nearest=0.3))))
    assert "By the distance to the nearest real sample it is ahead of 0 of 2 methods, behind 2." in said
    assert (
        "with the paper's search it wins 2 and loses 0 of 2; with a careful search it wins 2 and loses 0 of 2" in said
    )
    told = how(result(row("moons", made())))
    assert "3 draws of data and training for each method" in told and "steps (" not in told


def test_shorter_loops_and_data_of_which_less_is_computed_are_named():
    less = row("mnist", {**made(), "jem": {"ip": 1.0}}).model_copy(update={"extent": asdict(EXTENTS["mnist"])})
    told = how(result(row("moons", {**made(), "jem": {"ip": 1.0}}), less))
    steps = BY_NAME["jem"].arm["sgld_steps"]
    assert f"shorter than usual: joint energy-based model {steps} steps (20 by default)." in told
    assert f"Of {less.title} less is computed, alike for all methods: 3 draws" in told and ", no lock;" in told
    assert "until a model is sure: τ 0.999, η 0.5, at most 500 steps." in told


def test_the_caveat_names_methods_that_are_ahead_by_more_of_the_measures():
    cheap = caveat(result(row("moons", made())))
    assert "No method is ahead of counterfactual training by more measures than behind it" in cheap
    dear = caveat(result(row("moons", made(nearest=0.3, accuracy=0.9), (-9.0, -10.0, -11.0))))
    assert f"Conventional training and {OTHER} are ahead of counterfactual training by more" in dear


def test_the_caveat_says_what_a_reader_reads_after_ours_after_the_best_rival_and_after_none():
    methods = {**made(read_as=0.5), "pgd": {"ip": 1.0, "read_as": 0.6}}
    methods["conventional"] |= {"read_as": 0.0}
    said = caveat(result(row("mnist", methods)))
    right = "(accuracy 99 %)"
    assert f"reader sees the class it aims at in 1 % with conventional training {right}, 51 %" in said
    assert f"with counterfactual training {right} and 61 % with PGD adversarial training {right}." in said


def test_the_caveat_tells_where_advice_of_ours_fails_more_often():
    methods = {**made(validity=1.0), "halfway": {"ip": 1.0, "validity": 0.4}}
    methods["conventional"] = {"ip": 2.0, "validity": 1.0}
    said = caveat(result(row("moons", methods)))
    assert "half-way box, by the distance to real data, is ahead of 2 of 2 methods, behind 0" in said
    assert "Than that of conventional training, its advice reaches its class less often on Moons (60 points)." in said
    assert (
        "within 5 points), by the distance to real data counterfactual training is ahead of 1 of 1 methods, behind 0."
        in said
    ), "of the schedule nobody knows the validity"


def test_the_caveat_names_rivals_whose_advice_fails_more_often_by_more_than_a_little():
    methods = {"conventional": {"ip": 2.0, "validity": 1.0}, "full": {"ip": 1.5, "validity": 0.5}}
    said = caveat(result(row("moons", {**methods, "pgd": {"ip": 1.0, "validity": 0.4}})))
    assert "by more than 5 points: PGD adversarial training on Moons (60 points)." in said
    assert "Of rivals too" not in caveat(result(row("moons", {**methods, "pgd": {"ip": 1.0, "validity": 0.96}})))


def test_the_caveat_says_for_whom_a_rule_that_looks_at_validity_would_choose_otherwise():
    def chosen(validities, taken):
        tries = tuple(
            TriedSettings(changes={"tau": i}, score=10.0 - i, accuracy=1.0, qualifies=True, validity=validity)
            for i, validity in enumerate(validities)
        )
        return ChosenSettings(changes={"tau": taken}, chosen_by="score", tries=tries)

    one = row("moons", made())
    assert "A rule that asks for it" not in caveat(result(one)), "no try's validity is known"
    settings = {"schedule": chosen((-0.02, 0.0), 0), "full": chosen((-0.2, 0.0), 0)}
    with_tries = [m.model_copy(update={"settings": settings.get(m.name, m.settings)}) for m in one.methods]
    said = caveat(result(one.model_copy(update={"methods": tuple(with_tries)})))
    assert "would choose other settings for counterfactual training on Moons; this can be told of the 2 choices" in said
    settings["full"] = chosen((-0.2, 0.0), 1)
    with_tries = [m.model_copy(update={"settings": settings.get(m.name, m.settings)}) for m in one.methods]
    assert "would choose the same settings;" in caveat(result(one.model_copy(update={"methods": tuple(with_tries)})))


def test_standings_count_what_is_beyond_chance_alone():
    both = result(row("moons", made()), row("ls", made(full=2.0)))
    found = standing(both, "full", "conventional", MEASURES["ip"])
    assert (found.won, found.lost, found.of, found.side) == (2, 0, 4, 1)
    assert standing(both, "full", "conventional", MEASURES["ip"], ("paper",)).of == 2
    assert standing(both, "full", "nobody", MEASURES["ip"]).of == 0


@pytest.mark.parametrize("measure", ["ip", "pgd", "seconds"])
def test_the_picture_says_the_same_as_its_text(measure):
    one = row("moons", made(seconds=4.0, pgd=0.5))
    found = result(one)
    drawn = dots(found, one, MEASURES[measure], "paper", LIGHT)
    text = dots_words(found, one, MEASURES[measure], "paper")
    names = [note.text for note in drawn.layout.annotations]
    assert len(names) == 2 and "Counterfactual training" in names[1] and "Counterfactual training" in text
    beside = {"ip": "behind", "pgd": "ahead", "seconds": "ahead"}[measure]
    assert names[0].endswith(beside) and f", {beside}" in text
    dot = drawn.data[-1]
    assert dot.marker.color == LIGHT.accent and dot.marker.symbol == "circle"
    assert dot.x[0] == pytest.approx({"ip": 25, "pgd": -40, "seconds": 2}[measure], abs=0.5)


def test_tables_hold_every_draw_and_every_gain():
    found = result(row("moons", made()))
    lines = to_csv(found).splitlines()
    assert lines[0] == "data,method,locked,metric,search,seed,value"
    assert "moons,full,false,ip,careful,0,1.5" in lines and "moons,full,true,cost,paper,0,1.0" in lines
    text = to_markdown(found)
    assert "Moons, a careful search" in text and "| Counterfactual training | 24.9" in text


def test_settings_are_named_by_their_symbols_and_a_fallback_is_admitted():
    chosen = ChosenSettings(changes={"tau": 0.75, "training.epochs": 50, "of_another_version": 1}, chosen_by="fallback")
    assert settings(chosen) == "τ 0.75, epochs 50, of_another_version 1 (as no try qualified)"
    assert settings(ChosenSettings(changes={}, chosen_by="only")) == "none of its own"
