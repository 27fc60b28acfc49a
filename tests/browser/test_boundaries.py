"""Boundaries in a real browser: deep link, stage, training live, leaving and coming back, what is taken away."""

from __future__ import annotations

import csv
import re
import tomllib
from urllib.parse import urlencode

import pytest

from ctviz.bench.browser import ARRIVAL
from ctviz.experiments.config import Experiment
from ctviz.ui.kit.pages import PAGES
from tests.browser.looks import epoch_of, live_ready, picture_of, sideways, stage_ready

pytestmark = pytest.mark.browser

QUICK = Experiment.preset("moons").replace(
    {
        "training.epochs": 6,
        "training.n_ce": 60,
        "training.batch": 60,
        "data.n_train": 600,
        "evaluation.field": 24,
        "evaluation.factuals": 20,
        "evaluation.steps": 10,
        "evaluation.paths": 8,
    }
)
LONG = QUICK.replace({"training.epochs": 10_000, "data.n_train": 3000, "training.batch": 30, "evaluation.every": 4})
"""Long enough not to end before the test does, with fewer pictures than would keep the browser busy."""


def link(app, experiment: Experiment, **view: str) -> str:
    return f"{app.url}/boundaries?{urlencode({**experiment.to_query(), **view})}"


def train(page) -> None:
    page.get_by_role("button", name="Train", exact=True).click()


def status(page):
    return page.locator(".st-key-status")


def trained(page):
    return page.get_by_role("button", name="Trained")


def test_a_deep_link_opens_every_page_of_a_fresh_server(app) -> None:
    assert app.alerts == {entry.title: [] for entry in PAGES}


def test_the_field_changes_while_it_plays_by_button_or_space_bar(app, browser_page) -> None:
    browser_page.goto(link(app, Experiment.preset("moons"), epoch="0"))
    stage_ready(browser_page, 101)
    before = picture_of(browser_page)
    browser_page.get_by_role("button", name="Play").click()
    browser_page.wait_for_function("globalThis.__ctvizStage.epoch > 5")
    assert picture_of(browser_page) != before
    slider = browser_page.get_by_role("slider", name="Epoch", exact=True)
    slider.focus()
    slider.press("Space")
    browser_page.wait_for_function("!globalThis.__ctvizStage.playing")
    slider.press("Home")
    slider.press("Space")
    browser_page.wait_for_function("globalThis.__ctvizStage.playing && globalThis.__ctvizStage.epoch > 0")


def test_scrubbing_moves_words_curves_and_link(app, browser_page) -> None:
    browser_page.goto(link(app, Experiment.preset("moons")))
    stage_ready(browser_page, 101)
    headline = browser_page.locator(".ctviz-headline")
    headline.filter(has_text="At epoch 100").wait_for()
    slider = browser_page.get_by_role("slider", name="Epoch", exact=True)
    slider.focus()
    slider.press("Home")
    headline.filter(has_text="Before training").wait_for()
    browser_page.wait_for_url("**epoch=0**")
    slider.press("ArrowRight")
    headline.filter(has_text="At epoch 1,").wait_for()
    browser_page.wait_for_url("**epoch=1**")
    browser_page.get_by_text("All numbers at epoch 1", exact=True).wait_for()
    slider.press("End")
    headline.filter(has_text="At epoch 100").wait_for()


def test_the_benchmark_knows_when_a_run_is_shown(app, browser_page) -> None:
    browser_page.goto(f"{app.url}/boundaries?preset=ls")
    assert browser_page.evaluate(ARRIVAL, Experiment.preset("ls").key) > 0


def test_training_is_seen_live_to_its_end(app, browser_page) -> None:
    # Long enough to be seen on a fast machine, too.
    browser_page.goto(link(app, QUICK.replace({"training.epochs": 150})))
    browser_page.get_by_text("These settings have not been trained yet.").wait_for()
    train(browser_page)
    status(browser_page).get_by_text("Training: epoch").wait_for()
    trained(browser_page).wait_for()
    stage_ready(browser_page, 151)
    browser_page.locator(".ctviz-headline").filter(has_text="At epoch 150").wait_for()


def test_a_reload_a_page_switch_and_a_second_browser_find_the_training_again(app, open_page) -> None:
    page = open_page()
    page.goto(link(app, LONG))
    train(page)
    live_ready(page, 3)
    page.reload()
    status(page).get_by_text("Training: epoch").wait_for()
    menu = page.locator(".st-key-menu")
    menu.get_by_role("link", name="Home").click()
    page.get_by_text("Watch a decision boundary learn").wait_for()
    menu.get_by_role("link", name="Boundaries").click()
    status(page).get_by_text("Training: epoch").wait_for()

    other = open_page(elsewhere=True)
    other.goto(page.url)
    status(other).get_by_text("Training: epoch").wait_for()
    live_ready(other, 3)

    page.get_by_role("button", name="Cancel").click()
    status(page).get_by_text("was stopped").wait_for()
    status(other).get_by_text("was stopped").wait_for()
    assert page.get_by_role("button", name="Train", exact=True).is_enabled()
    stage_ready(page, 3)


def test_one_may_scrub_while_it_trains(app, browser_page) -> None:
    browser_page.goto(link(app, LONG.replace({"seed": 1})))
    train(browser_page)
    live_ready(browser_page, 5)
    slider = browser_page.get_by_role("slider", name="Epoch", exact=True)
    slider.focus()
    slider.press("Home")
    browser_page.wait_for_function("globalThis.__ctvizStage.epoch === 0")
    held = browser_page.evaluate("globalThis.__ctvizStage.epochs")
    live_ready(browser_page, held + 3)
    assert epoch_of(browser_page) == 0
    browser_page.get_by_role("button", name="Cancel").click()
    status(browser_page).get_by_text("was stopped").wait_for()


def test_a_second_browser_sees_the_same(app, open_page) -> None:
    first, second = open_page(), open_page(elsewhere=True)
    first.goto(link(app, Experiment.preset("circles")))
    stage_ready(first, 101)
    slider = first.get_by_role("slider", name="Epoch", exact=True)
    slider.focus()
    slider.press("Home")
    for _ in range(3):
        slider.press("ArrowRight")
    first.wait_for_url("**epoch=3**")
    second.goto(first.url)
    stage_ready(second, 101)
    second.wait_for_function("globalThis.__ctvizStage.epoch === 3")
    words = first.locator(".ctviz-headline").inner_text()
    assert second.locator(".ctviz-headline").inner_text() == words
    assert picture_of(second) == picture_of(first)


def test_a_control_changes_link_and_experiment(app, browser_page) -> None:
    browser_page.goto(link(app, Experiment.preset("moons")))
    epochs = browser_page.get_by_role("spinbutton", name="Epochs", exact=True)
    epochs.fill("7")
    epochs.press("Enter")
    browser_page.wait_for_url(re.compile(r"training\.epochs=7"))
    browser_page.get_by_text("These settings have not been trained yet.").wait_for()
    browser_page.go_back()
    browser_page.locator(".ctviz-headline").filter(has_text="At epoch 100").wait_for()


def test_what_is_downloaded_opens(app, open_page, tmp_path) -> None:
    page = open_page()
    page.goto(link(app, Experiment.preset("moons")))
    stage_ready(page, 101)
    page.get_by_role("button", name="Share and take away").click()
    files = {}
    for kind, label in (("html", "works offline"), ("csv", "Metrics"), ("toml", "Settings (TOML)")):
        with page.expect_download() as download:
            page.get_by_role("button", name=label).click()
        files[kind] = tmp_path / f"file.{kind}"
        download.value.save_as(files[kind])
    assert Experiment.from_mapping(tomllib.loads(files["toml"].read_text(encoding="utf-8"))) == Experiment.preset(
        "moons"
    )
    with files["csv"].open(encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    assert {row["arm"] for row in rows} == {"vanilla", "full"}
    assert {int(row["epoch"]) for row in rows} == set(range(101))
    offline = open_page(offline=True)
    offline.goto(files["html"].as_uri())
    stage_ready(offline, 101)


def test_settings_brought_back_are_taken_over(app, browser_page, tmp_path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(Experiment.preset("ol").to_toml(), encoding="utf-8")
    browser_page.goto(link(app, Experiment.preset("moons")))
    browser_page.get_by_role("button", name="Share and take away").click()
    browser_page.locator('input[type="file"]').set_input_files(file)
    browser_page.wait_for_url("**preset=ol**")


def test_it_fits_a_phone_picture_first(app, open_page) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    page.goto(link(app, Experiment.preset("moons")))
    stage_ready(page, 101)
    assert sideways(page) == 0
    picture = page.locator(".ctv-panel canvas").first.bounding_box()
    button = trained(page).bounding_box()
    assert picture["y"] < button["y"]
    assert picture["y"] < 844


def test_nothing_is_out_of_sight_where_the_page_is_enlarged_twice(app, open_page) -> None:
    page = open_page(viewport={"width": 720, "height": 450})
    page.goto(link(app, Experiment.preset("moons")))
    stage_ready(page, 101)
    page.locator(".ctviz-beside").wait_for()
    main = page.locator('[data-testid="stMain"]')
    assert main.evaluate("node => node.scrollWidth - node.clientWidth") == 0


def test_on_a_phone_train_is_beside_the_words_that_ask_for_it(app, open_page) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    page.goto(link(app, QUICK.replace({"seed": 5})))
    button = page.locator(".st-key-train-here").get_by_role("button", name="Train").first
    button.wait_for()
    assert button.bounding_box()["y"] < 400
    button.click()
    page.locator(".ctviz-headline").filter(has_text="At epoch 6").wait_for()


def test_projecting_hides_what_is_not_the_picture(app, browser_page) -> None:
    browser_page.goto(link(app, Experiment.preset("moons"), view="project"))
    stage_ready(browser_page, 101)
    assert browser_page.locator(".st-key-menu").count() == 0
    assert browser_page.locator(".st-key-controls").count() == 0
    browser_page.get_by_role("button", name="Show the controls").click()
    trained(browser_page).wait_for()
    browser_page.wait_for_function("!location.search.includes('view=')")
