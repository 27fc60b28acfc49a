"""Boundaries in a real browser: deep link, stage, training live, leaving and coming back, what is taken away."""

from __future__ import annotations

import csv
import re
import tomllib
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from ctviz.bench.browser import ARRIVAL
from ctviz.data.drawn import DrawnSettings
from ctviz.experiments.config import Experiment
from tests.browser.driving import picture_ready, place_of, scroll_down, until
from tests.browser.looks import assert_fits, epoch_of, live_ready, stage_ready

pytestmark = pytest.mark.browser

MOONS = Experiment.preset("moons")
QUICK = MOONS.replace(
    {
        "training.epochs": 240,  # long enough to be seen on a fast machine, too
        "evaluation.every": 4,
        "training.n_ce": 60,
        "training.batch": 60,
        "data.n_train": 600,
        "evaluation.field": 24,
        "evaluation.factuals": 20,
        "evaluation.steps": 10,
        "evaluation.paths": 8,
    }
)
LONG = QUICK.replace({"training.epochs": 10_000, "data.n_train": 3000, "training.batch": 30})
"""Long enough not to end before the test does, with fewer pictures than would keep the browser busy."""


def link(app, experiment: Experiment, **view: str) -> str:
    return f"{app.url}/boundaries?{urlencode({**experiment.to_query(), **view})}"


def train(page) -> None:
    page.get_by_role("button", name="Train", exact=True).click()


def status(page):
    return page.locator(".st-key-status")


def trained(page):
    return page.get_by_role("button", name="Trained")


def test_a_shipped_run_is_scrubbed_and_can_be_taken_away(app, still_page, tmp_path) -> None:
    page = still_page
    page.goto(link(app, MOONS, epoch="0"))
    assert page.evaluate(ARRIVAL, MOONS.key) > 0, "the benchmark knows when a run is shown"
    stage_ready(page, 101)
    scrubbing_moves_words_curves_and_link(page)
    epoch_slider(page).press("End")
    page.locator(".ctviz-headline").filter(has_text="At epoch 100").wait_for()
    what_is_downloaded_holds_the_run(page, tmp_path)
    a_control_changes_link_and_experiment(page)


def epoch_slider(page):
    return page.get_by_role("slider", name="Epoch", exact=True)


def scrubbing_moves_words_curves_and_link(page) -> None:
    """Leaves it at epoch 1."""
    headline, slider = page.locator(".ctviz-headline"), epoch_slider(page)
    slider.press("End")
    headline.filter(has_text="At epoch 100").wait_for()
    slider.press("Home")
    headline.filter(has_text="Before training").wait_for()
    page.wait_for_url("**epoch=0**")
    slider.press("ArrowRight")
    headline.filter(has_text="At epoch 1,").wait_for()
    page.wait_for_url("**epoch=1**")
    scroll_down(page)
    page.get_by_text("All numbers at epoch 1", exact=True).wait_for()
    page.locator(".ctv-panel").first.scroll_into_view_if_needed()  # out of sight, a stage tells nothing
    slider.press("ArrowRight")
    page.get_by_text("All numbers at epoch 2", exact=True).wait_for()
    slider.press("ArrowLeft")
    page.get_by_text("All numbers at epoch 1", exact=True).wait_for()


def what_is_downloaded_holds_the_run(page, folder) -> None:
    """The page that works offline is opened in the tests of the stage."""
    page.get_by_role("button", name="Share and take away").click()
    files = {}
    for kind, label in (("html", "works offline"), ("csv", "Metrics"), ("toml", "Settings (TOML)")):
        with page.expect_download() as download:
            page.get_by_role("button", name=label).click()
        files[kind] = folder / f"file.{kind}"
        download.value.save_as(files[kind])
    page.keyboard.press("Escape")
    assert Experiment.from_mapping(tomllib.loads(files["toml"].read_text(encoding="utf-8"))) == MOONS
    with files["csv"].open(encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    assert {row["arm"] for row in rows} == {"vanilla", "full"}
    assert {int(row["epoch"]) for row in rows} == set(range(101))
    assert files["html"].read_text(encoding="utf-8").lower().startswith("<!doctype html>")


def a_control_changes_link_and_experiment(page) -> None:
    epochs = page.get_by_role("spinbutton", name="Epochs", exact=True)
    epochs.fill("7")
    epochs.press("Enter")
    page.wait_for_url(re.compile(r"training\.epochs=7"))
    page.get_by_text("These settings have not been trained yet.").wait_for()
    page.go_back()
    page.locator(".ctviz-headline").filter(has_text="At epoch 100").wait_for()


def test_on_a_phone_training_is_seen_live_to_its_end_below_the_button_beside_the_words(app, open_page) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    page.goto(link(app, QUICK))
    page.get_by_text("These settings have not been trained yet.").wait_for()
    picture_ready(page)
    button = page.locator(".st-key-train-here").get_by_role("button", name="Train").first
    assert button.bounding_box()["y"] < 400
    button.click()
    status(page).get_by_text("Training: epoch").wait_for()
    trained(page).wait_for()
    stage_ready(page, 61)
    page.locator(".ctviz-headline").filter(has_text="At epoch 240").wait_for()
    picture_ready(page)
    picture = page.locator(".ctv-panel canvas").first.bounding_box()
    assert picture["y"] < min(trained(page).bounding_box()["y"], 844), "the picture comes first"
    page.locator(".ctviz-beside").wait_for()
    for size in ({"width": 390, "height": 844}, {"width": 720, "height": 450}):  # a phone; enlarged twice
        assert_fits(page, size)


def test_one_may_scrub_while_it_trains_leave_and_find_it_again_as_other_sessions_do(app, open_page) -> None:
    page = open_page()
    page.goto(link(app, LONG))
    train(page)
    live_ready(page, 3)
    slider = epoch_slider(page)
    slider.focus()
    slider.press("Home")
    until(page, "globalThis.__ctvizStage.epoch === 0")
    live_ready(page, page.evaluate("globalThis.__ctvizStage.epochs") + 3)
    assert epoch_of(page) == 0
    menu = page.locator(".st-key-menu")
    menu.get_by_role("link", name="Home").click()
    page.get_by_text("Watch a decision boundary learn").wait_for()
    menu.get_by_role("link", name="Boundaries").click()
    status(page).get_by_text("Training: epoch").wait_for()
    page.wait_for_url("**training.epochs=10000**")

    other = open_page()  # as after a reload: another session
    other.goto(f"{page.url}&view=project")  # which is opened sooner, while all are busy
    status(other).get_by_text("Training: epoch").wait_for()
    live_ready(other, 3)

    page.bring_to_front()
    page.get_by_role("button", name="Cancel").click()
    status(page).get_by_text("was stopped").wait_for()
    status(other).get_by_text("was stopped").wait_for()
    page.get_by_role("button", name="Train", exact=True, disabled=False).wait_for()
    stage_ready(page, 3)


def test_points_are_painted_by_mouse_and_keys_and_trained_on(app, browser_page) -> None:
    page = browser_page
    page.goto(f"{app.url}/boundaries?preset=drawn&training.epochs=59")
    pad, sheet = page.locator(".ctv-point-painter"), page.locator(".ctv-square")
    pad.and_(page.locator('[data-counts="80 80 0 0"]')).wait_for()
    page.get_by_role("button", name="Train", exact=True).wait_for()  # a link alone trains nothing
    pad.get_by_role("button", name="Erase all points").click()
    page.locator('.ctv-point-painter[data-bad="true"]').wait_for()
    box = place_of(sheet)
    page.mouse.move(box["x"] + 30, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 220, box["y"] + 60, steps=10)
    page.mouse.up()
    lacking = re.compile(r"So far: \d\d of class 0 and 0 of class 1\. Needed: 10 points or more")
    pad.locator(".ctv-status").filter(has_text=lacking).wait_for()
    assert "data.points" not in page.url, "one class is not enough"
    sheet.focus()
    page.keyboard.press("2")
    for _ in range(8):
        for key in ("Space", "ArrowDown", "ArrowRight"):
            page.keyboard.press(key)
    page.locator('.ctv-point-painter[data-counts$=" 24 0 0"]').wait_for()
    counts = [int(count) for count in pad.get_attribute("data-counts").split()]
    as_painted = f'[data-counts="{" ".join(map(str, counts))}"]'
    page.wait_for_url(lambda url: counts_in(url) == counts[:2])
    trained(page).wait_for()
    sheet.focus()
    for key in ("e", "ArrowUp", "ArrowLeft", "Space"):  # back to the last points, which lie at random around there
        page.keyboard.press(key)
    page.locator(f".ctv-point-painter:not({as_painted})").wait_for()
    page.keyboard.press("Control+z")
    page.locator(f".ctv-point-painter{as_painted}").wait_for()


def counts_in(url: str) -> list[int]:
    """Points of each class in a link."""
    points = dict(parse_qsl(urlsplit(url).query)).get("data.points")
    return list(DrawnSettings(points=points).counts) if points else []
