"""The page Digits: four parts, digits of one's own, locks that train, and what it says to bad input."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO, StringIO
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from ctviz.data.drawing import prepare
from ctviz.errors import DataError
from ctviz.experiments.run import run
from ctviz.ui.digits import answers, export, layout, locks, pick, story
from ctviz.ui.digits.components import Drawn, Painted
from ctviz.ui.digits.digits_view import DigitsView
from ctviz.ui.digits.drawing import decode, encode
from ctviz.ui.digits.locks import ALL_LOCKED
from ctviz.ui.digits.parts import PARTS
from ctviz.ui.digits.story import ASKING
from ctviz.ui.digits.training import FOLDER_FIRST
from ctviz.ui.kit import service as shared
from ctviz.ui.kit.pages import FIRST_DIGITS
from tests.pages.digit_runs import RUN, small
from tests.pages.words import query_of, said

PAGE = "pages/digits.py"


@pytest.fixture
def visit(first_visit, explored) -> Callable[..., AppTest]:
    """As ``first_visit``, on a server that knows what has been asked before."""
    return first_visit


@pytest.mark.parametrize("part", PARTS)
def test_every_part_opens_untrained_and_says_what_to_do(visit, part: str) -> None:
    at = visit(PAGE, **RUN.to_query(), part=part)
    assert not at.error
    assert PARTS[part].lead in said(at)
    assert "Press Train" in said(at)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("read", ("Would you read", "Say first what you read")),
        ("digit", ("read", "On locked pixels, this digit", "baseline: noise, seed 0; 50 steps", "add up to the rise")),
        ("classes", ("ixels locked for one of the models draw", "The paper's measure there", "Attributions miss")),
        ("counterfactuals", ("Arrive", "Unevenness of the change", "Ink moved", "This digit: searches that arrive")),
        ("fool", ("With every pixel moved by at most 0.10", "Right at ε = 0.10", "FGSM moves every pixel once")),
    ],
)
def test_every_part_tells_its_finding_and_its_numbers(visit, trained, part: str, words: tuple[str, ...]) -> None:
    at = visit(PAGE, **trained.to_query(), part=part)
    assert not at.error
    assert not at.warning
    for expected in words:
        assert expected in said(at), expected
    assert query_of(at) == {**trained.to_query(), **({} if part == "digit" else {"part": part})}


def test_a_link_does_not_train_by_itself(visit, world) -> None:
    visit(PAGE, **RUN.to_query())
    assert not world.jobs.submitted


def test_nothing_in_the_link_opens_the_run_that_ships(visit) -> None:
    at = visit(PAGE)
    assert query_of(at) == FIRST_DIGITS
    assert not at.error
    at = visit(PAGE, part="classes")
    assert query_of(at) == {"preset": "mnist", "part": "classes"}, "a link without a preset means what it meant"


def test_parts_and_digits_are_chosen_and_stay_in_the_link(visit, trained) -> None:
    at = visit(PAGE, **trained.to_query())
    at.segmented_control(key="digits-class").set_value(7).run()
    assert "7 was meant" in said(at) or "read a 7" in said(at)
    at.segmented_control(key="digits-part").set_value("fool").run()
    assert query_of(at) == {**trained.to_query(), "part": "fool", "pick": "class7"}
    at.segmented_control(key="digits-pick").set_value("hard").run()
    assert "least sure of" in said(at)
    at.segmented_control(key="digits-pick").set_value("random").run()
    at.button(key="digits-others").click().run()
    assert query_of(at)["draw"] == "1"
    assert not at.error


def test_every_method_explains_a_digit(visit, trained) -> None:
    at = visit(PAGE, **trained.to_query())
    for method in ("saliency", "input_x_gradient", "deep_lift", "gradient_shap", "occlusion"):
        at.selectbox(key="digits-method").set_value(method).run()
        assert not at.error and not at.exception
        assert query_of(at)["attribution.method"] == method
        adds_up = "add up to the rise" in said(at)
        assert adds_up == (method == "deep_lift"), method


def test_baseline_seed_and_class_are_in_words(visit, trained) -> None:
    at = visit(PAGE, **trained.to_query())
    at.segmented_control(key="digits-baseline").set_value("blurred").run()
    at.selectbox(key="digits-explain").set_value(8).run()
    assert "baseline: blurred; 50 steps. Explained: the answer 8." in said(at)
    assert query_of(at)["attribution.baseline"] == "blurred"
    assert query_of(at)["explain"] == "8"


def test_an_earlier_epoch_is_said(visit, trained) -> None:
    for part in PARTS:
        at = visit(PAGE, **trained.to_query(), part=part, epoch="1")
        assert "After epoch 1: " in said(at)
    at.select_slider(key="digits-epoch").set_value(3).run()
    assert "epoch" not in query_of(at)
    assert "After epoch" not in said(at)


def test_a_slider_that_reports_late_neither_stops_the_play_nor_jumps_back(visit, trained, monkeypatch) -> None:
    monkeypatch.setattr(story, "TICK", 1e6)  # no epoch is over while the test runs, however slow the computer
    at = visit(PAGE, **trained.to_query(), part="classes", epoch="1", play="1")
    assert at.session_state["draft"].view.play == 1
    at.select_slider[0]._value = 0  # an epoch that it was told to show before; a person could not move it
    at.run()
    now = at.session_state["draft"].view
    assert (now.play, now.epoch) == (1, 1)
    assert at.select_slider[0].disabled


def test_a_slider_that_reports_what_it_shows_changes_nothing(visit, trained) -> None:
    at = visit(PAGE, **trained.to_query(), part="classes", epoch="1")
    at.select_slider(key="digits-epoch").set_value(2).run()
    assert query_of(at)["epoch"] == "2"
    assert not at.select_slider[0].disabled


@pytest.fixture
def headlines(monkeypatch) -> Callable[[], list[str]]:
    """Begins to note the headlines that are written, and gives the list of them."""

    def begin() -> list[str]:
        written: list[str] = []
        for module in (story, layout):
            monkeypatch.setattr(module, "page_title", lambda words: (written.append(words), st.empty())[1])
        return written

    return begin


@pytest.mark.parametrize("part", PARTS)
def test_the_last_headline_stays_until_there_is_another(visit, trained, headlines, part: str) -> None:
    at = visit(PAGE, **trained.to_query(), part=part, epoch="1")
    written = headlines()
    at.run()
    assert len(written) == 2
    assert written[0] == written[1]
    assert "After epoch 1: " in written[0]


def test_a_headline_of_another_run_does_not_stay(visit, trained, world, headlines) -> None:
    other = small(seed=7, **{"training.epochs": 1})
    run(other, device="cpu", store=world.store)
    at = visit(PAGE, **trained.to_query())
    written = headlines()
    at.session_state["draft"].start_from(other)
    at.session_state["draft"].written = dict(query_of(at))
    at.run()
    assert written[0] == ASKING
    assert written[-1] != ASKING


@pytest.mark.parametrize("error", [DataError("These digits cannot be read."), ValueError("unforeseen")])
def test_where_something_goes_wrong_no_headline_promises_more(visit, trained, monkeypatch, error: Exception) -> None:
    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr(answers, "class_means", fail)
    at = visit(PAGE, **trained.to_query(), part="classes")
    assert len(at.error) == 1
    assert ASKING not in said(at)


def test_a_drawing_in_the_link_lies_on_the_pad(visit, trained, monkeypatch) -> None:
    given: list[tuple[str, object]] = []

    def pad(prepare, key, initial=None):
        given.append((key, initial))
        return Drawn()

    monkeypatch.setattr(pick, "draw_pad", pad)
    pixels = np.where(np.arange(784) % 28 == 14, 1, -1).astype(np.float32)
    at = visit(PAGE, **trained.to_query(), pick="own", drawing=encode(pixels))
    np.testing.assert_allclose(given[-1][1], pixels)
    visit(PAGE, **trained.to_query(), pick="own")
    assert given[-1][1] is None
    # A picture that comes from a file lies on a pad of its own.
    at.file_uploader(key="digits-file").set_value(("mine.png", png((90, 120)), "image/png")).run()
    assert given[-1][0] != given[0][0]
    np.testing.assert_allclose(given[-1][1], decode(query_of(at)["drawing"]))


def test_a_drawing_that_is_wiped_off_leaves_the_link(visit, trained, monkeypatch) -> None:
    now = [Drawn()]
    monkeypatch.setattr(pick, "draw_pad", lambda prepare, key, initial=None: now[0])
    pixels = np.where(np.arange(784) % 28 == 14, 1, -1).astype(np.float32)
    at = visit(PAGE, **trained.to_query(), pick="own", drawing=encode(pixels))
    assert "drawing" in query_of(at)
    now[0] = Drawn(cleared=True)
    at.run()
    assert "drawing" not in query_of(at)
    assert "Draw a digit" in said(at)
    ink = np.zeros((280, 280), np.uint8)
    ink[60:220, 130:150] = 255
    now[0] = Drawn(ink, prepare(ink))
    at.run()
    assert query_of(at)["drawing"] == encode(prepare(ink).pixels)
    assert "read" in said(at)


def test_a_drawing_under_attack_is_compared_with_what_each_model_read_before(visit, trained) -> None:
    pixels = np.where(np.arange(784) % 28 == 14, 1, -1).astype(np.float32)
    query = {**trained.to_query(), "pick": "own", "drawing": encode(pixels), "part": "fool"}
    assert "counts as what each model reads unattacked" in said(visit(PAGE, **query))
    assert "counts as" not in said(visit(PAGE, **trained.to_query(), part="fool"))


def test_a_drawing_in_the_link_is_read(visit, trained) -> None:
    rng = np.random.default_rng(0)
    drawing = encode(np.where(rng.random(784) < 0.1, 1, -1).astype(np.float32))
    at = visit(PAGE, **trained.to_query(), pick="own", drawing=drawing)
    assert not at.error
    assert "read" in said(at)
    assert query_of(at)["drawing"] == drawing
    for part in ("counterfactuals", "fool"):
        at.segmented_control(key="digits-part").set_value(part).run()
        assert not at.error


def test_without_a_drawing_every_part_says_where_to_draw(visit, trained) -> None:
    at = visit(PAGE, **trained.to_query(), pick="own")
    assert "Draw a digit" in said(at)
    at = visit(PAGE, **trained.to_query(), pick="own", part="fool")
    assert "There is no drawing yet." in said(at)
    assert not at.error


def png(size: tuple[int, int], stroke: bool = True) -> bytes:
    """A picture of dark ink on white paper."""
    image = Image.new("RGB", size, "white")
    if stroke:
        image.paste((20, 20, 90), (size[0] // 3, size[1] // 5, size[0] // 2, 4 * size[1] // 5))
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_a_picture_is_taken_over_and_what_was_done_is_said(visit, trained) -> None:
    at = visit(PAGE, **trained.to_query(), pick="own")
    at.file_uploader(key="digits-file").set_value(("mine.png", png((90, 120)), "image/png")).run()
    assert not at.error
    assert "drawing" in query_of(at)
    assert "Inverted" in said(at) or "inverted" in said(at)


@pytest.mark.parametrize("content", [b"no picture", png((50, 50), stroke=False), b""])
def test_a_file_that_cannot_be_read_is_answered_in_a_sentence(visit, trained, content: bytes) -> None:
    at = visit(PAGE, **trained.to_query(), pick="own", draw="3")
    at.file_uploader(key="digits-file").set_value(("bad.png", content, "image/png")).run()
    assert len(at.error) == 1
    assert query_of(at) == {**trained.to_query(), "pick": "own", "draw": "3"}


def test_searches_are_set_and_reset(visit, trained) -> None:
    at = visit(PAGE, **trained.to_query(), part="counterfactuals")
    at.number_input(key="digits-search.tau").set_value(0.6).run()
    at.selectbox(key="digits-search.generator").set_value("generic").run()
    assert {name: text for name, text in query_of(at).items() if name.startswith("search.")} == {
        "search.generator": "generic",
        "search.tau": "0.6",
    }
    assert not at.error
    at.button(key="reset-search").click().run()
    assert query_of(at) == {**trained.to_query(), "part": "counterfactuals"}


@pytest.mark.parametrize("generator", ["gravitational", "dice", "nearest"])
def test_other_generators_find_their_way_too(visit, trained, generator: str) -> None:
    at = visit(PAGE, **trained.to_query(), part="counterfactuals", **{"search.generator": generator})
    assert not at.error
    assert "Ink moved" in said(at)


def test_an_autoencoder_is_fitted_first_and_that_is_said(first_visit, trained, world) -> None:
    at = first_visit(PAGE, **trained.to_query(), part="counterfactuals", **{"search.generator": "revise"})
    assert "Fitting the autoencoder for these data, once" in at.info[0].value
    assert len(world.jobs.submitted) == 1
    at.run()
    assert len(set(world.jobs.submitted)) == 1


def test_the_stronger_attack_and_pixels_out_of_range(visit, trained) -> None:
    at = visit(PAGE, **trained.to_query(), part="fool")
    at.toggle(key="digits-within").set_value(True).run()
    at.segmented_control(key="digits-attack").set_value("pgd").run()
    assert query_of(at) == {**trained.to_query(), "part": "fool", "attack": "pgd", "within": "0"}
    assert "40 small steps" in said(at)
    assert "may leave their range" in said(at)
    assert not at.error


def test_unlocking_changes_what_would_be_trained_and_train_asks_for_it(visit, trained, world) -> None:
    at = visit(PAGE, **trained.to_query())
    at.radio(key="digits-locks").set_value("none").run()
    wanted = trained.replace({"arms.full locked.locked": ()})
    assert query_of(at) == wanted.to_query()
    assert not world.jobs.submitted
    at.button(key="train").click().run()
    assert world.jobs.submitted == [wanted.key]
    assert "Training begins." in said(at)
    at.button(key="cancel").click().run()
    assert world.jobs.cancelled == [wanted.key]


def test_a_run_that_is_live_shows_how_far_it_is(visit, trained, world) -> None:
    half = small(seed=5)
    world.jobs.submit(half.key)
    at = visit(PAGE, **half.to_query())
    assert "Training begins." in said(at)
    assert at.button(key="cancel")


def test_the_model_is_chosen(visit, world) -> None:
    at = visit(PAGE, preset="mnist")
    at.selectbox(key="set-digits-model").set_value("cnn").run()
    assert query_of(at)["model.channels"] == "[6, 16]"
    at.selectbox(key="set-digits-model").set_value("mlp-64").run()
    assert query_of(at) == {"preset": "mnist", "model.hidden": "[64]"}
    at.button(key="reset").click().run()
    assert query_of(at) == {"preset": "mnist"}
    assert not at.error


def test_all_pixels_locked_is_answered_in_words_and_nothing_is_lost(visit, world, monkeypatch) -> None:
    at = visit(PAGE, **RUN.to_query(), **{"arms.full locked.locked": '["rows 1-28"]'})
    assert len(at.warning) == 1, "the link's lock is left out and named"
    assert query_of(at) == RUN.to_query()
    monkeypatch.setattr(locks, "paint_mask", lambda *args, **named: Painted(np.ones(784, bool)))
    at.radio(key="digits-locks").set_value("paint").run()
    assert [error.value.replace("\\", "") for error in at.error] == [ALL_LOCKED]
    assert query_of(at) == RUN.to_query()
    assert at.button(key="train").disabled


def test_a_painted_mask_is_what_would_be_trained(visit, monkeypatch) -> None:
    mask = np.zeros(784, bool)
    mask[100:130] = True
    monkeypatch.setattr(locks, "paint_mask", lambda *args, **named: Painted(mask))
    at = visit(PAGE, **RUN.to_query())
    at.radio(key="digits-locks").set_value("paint").run()
    assert query_of(at)["arms.full locked.locked"] == f'["{Painted(mask).ref}"]'
    assert not at.error
    assert not at.button(key="train").disabled


def test_a_folder_without_the_files_is_answered_in_a_sentence(visit, tmp_path) -> None:
    at = visit(PAGE, **RUN.to_query())
    at.selectbox(key="digits-source").set_value("folder").run()
    assert FOLDER_FIRST in said(at)
    at.text_input(key="digits-folder").set_value(str(tmp_path)).run()
    assert len(at.error) == 1
    assert query_of(at) == RUN.to_query()


@pytest.mark.parametrize(
    "bad",
    [
        {"part": "nonsense", "pick": "class12", "at": "99", "drawing": "x", "explain": "11"},
        {"attribution.method": "magic", "attribution.steps": "0", "attack": "x", "strength": "200", "data.seed": "-1"},
        {"search.tau": "0.01", "part": "counterfactuals", "epoch": "99", "arms.full.locked": '["rows 0-3"]'},
        {"frame": "900", "part": "fool", "arms.full.locked": '["mask AA"]'},
    ],
)
def test_what_is_wrong_in_the_link_is_named(visit, trained, bad: dict[str, str]) -> None:
    at = visit(PAGE, **{**trained.to_query(), **bad})
    (warning,) = at.warning
    for name in bad:
        right = name == "part" and bad[name] in PARTS
        assert (f"In the link, {name} is " in warning.value.replace("\\", "")) != right
    assert not at.error
    assert "read" in said(at) or "right" in said(at) or "variation" in said(at)


def test_projecting_one_can_draw_and_go_to_another_part(visit, trained, monkeypatch) -> None:
    pads: list[str] = []

    def pad(prepare, key, initial=None):
        pads.append(key)
        return Drawn()

    monkeypatch.setattr(pick, "draw_pad", pad)
    at = visit(PAGE, **trained.to_query(), view="project", pick="own")
    assert pads
    assert "Draw a digit" in said(at)
    at.segmented_control(key="digits-part").set_value("classes").run()
    assert query_of(at)["part"] == "classes"
    assert query_of(at)["view"] == "project"
    assert "ixels locked for one of the models draw" in said(at)
    at.segmented_control(key="digits-part").set_value("fool").run()
    assert "Draw a digit under “One digit”" in at.info[0].value
    assert "on the left" not in at.info[0].value


def test_projecting_leaves_the_picture_and_its_numbers(visit, trained) -> None:
    at = visit(PAGE, **trained.to_query(), view="project", part="fool")
    assert not at.selectbox
    assert "With every pixel moved" in said(at)
    at.button(key="unproject").click().run()
    assert at.selectbox


def test_a_run_in_a_plane_is_sent_to_its_own_page(visit) -> None:
    at = visit(PAGE, preset="moons")
    assert "points in a plane" in said(at)
    assert not at.error
    at.button(key="stay").click().run()
    assert query_of(at) == {"preset": "mnist"}


def test_a_damaged_run_is_said(visit, trained, world) -> None:
    for file in (world.root / "runs" / trained.key).rglob("*"):
        if file.is_file() and file.name != "run.json":
            file.write_bytes(b"damaged")
    at = visit(PAGE, **trained.to_query())
    assert not at.exception
    assert at.error or at.info or "Press Train" in said(at)


def test_two_models_and_one_are_shown_as_well(visit, world) -> None:
    for arms in ("vanilla,full", "full"):
        experiment = small(**{"arms": arms, "training.epochs": 1})
        run(experiment, device="cpu", store=world.store)
        for part in PARTS:
            at = visit(PAGE, **experiment.to_query(), part=part)
            assert not at.error
            assert "None" not in said(at)
            assert "nan" not in said(at).lower().replace("financ", "")


@pytest.mark.usefixtures("explored")
@pytest.mark.parametrize("part", PARTS)
def test_pictures_and_numbers_are_taken_away(trained, world, part: str) -> None:
    run_view = shared.service().run_view(trained.key)
    looked = DigitsView(part=part, epoch=1, frame=2)
    drawing = export.svg(run_view, looked)
    ElementTree.fromstring(drawing)
    assert "Counterfactual" in drawing
    page = export.html(run_view, looked)
    assert "<canvas" in page or "<script" in page
    table = pd.read_csv(StringIO(export.numbers_csv(run_view, looked)))
    assert set(table["model"]) == {arm.name for arm in trained.arms}
    assert len(table) >= 9


def test_before_a_digit_is_drawn_there_is_no_picture_to_take(trained, world) -> None:
    run_view = shared.service().run_view(trained.key)
    assert export.svg(run_view, DigitsView(pick="own")) == ""


def test_a_person_judges_first_and_then_sees_what_the_reader_reads(visit, trained) -> None:
    query = {**trained.to_query(), "part": "read", "to": "8"}
    at = visit(PAGE, **query)
    assert "Would you read an 8 here?" in said(at)
    assert "An independent reader" not in said(at) and "was aimed at" not in said(at)
    at.button(key="digits-guess-3").click().run()  # neither
    assert not at.error
    assert "Would you read an 8 here?" not in said(at)
    assert "The reader, where an 8 was aimed at" in said(at) and "you: not an 8" in said(at)
    assert "An independent reader takes" in said(at) and "judge for yourself" in said(at)
    assert "Read as what it claims to be" in said(at) and "It is no person" in said(at)
    assert query_of(at) == query
    at.segmented_control(key="digits-class").set_value(5).run()
    assert "Would you read an 8 here?" in said(at), "of another digit it is asked again"


def test_the_search_of_the_paper_and_a_stronger_one_are_a_click_apart(visit, trained) -> None:
    at = visit(PAGE, **trained.to_query(), part="read")
    at.segmented_control(key="digits-how-far").set_value("strong").run()
    changed = {name: text for name, text in query_of(at).items() if name.startswith("search.")}
    assert changed == {
        "search.tau": "0.999", "search.steps": "500", "search.step_size": "0.5", "search.lambda_egy": "20",
    }  # fmt: skip
    at.segmented_control(key="digits-how-far").set_value("paper").run()
    assert query_of(at)["search.steps"] == "50", "this run was measured with fewer"
    assert "search.tau" not in query_of(at)
    assert not at.error
