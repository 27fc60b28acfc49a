"""Recourse in a real browser, as a stakeholder uses it: pick, lock, read, release, keep, print; then on a phone."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from ctviz.data.schema import Feature, Schema
from ctviz.ui.kit.frame import STYLE
from ctviz.ui.recourse.person_card import card
from tests.browser.driving import follow, picture_ready, until
from tests.browser.looks import assert_fits_a_phone, query_of, sideways
from tests.pages.recourse_rules import ALL_LOCKED

pytestmark = pytest.mark.browser


def link(app, **query: str) -> str:
    return f"{app.url}/recourse?{urlencode({'preset': 'german', **query})}"


def bottom(locator) -> float:
    box = locator.bounding_box()
    return box["y"] + box["height"]


def test_a_stakeholder_picks_locks_reads_releases_keeps_and_prints(app, browser_page) -> None:
    page = browser_page
    page.goto(link(app, person="147"))
    person_rules_and_both_plans_are_on_the_first_screen(page)
    a_locked_feature_leaves_the_plans(page)
    a_plan_is_kept(page)
    follow(page, link(app, person="4", rules=ALL_LOCKED, plans="1"))
    a_lock_in_the_way_is_released(page)
    what_can_be_pressed_is_not_printed(page)
    another_person_is_picked(page)
    on_a_phone_person_advice_and_rules_follow_each_other(page)


def test_on_a_phone_no_month_is_out_of_sight(browser_page) -> None:
    months = ("September", "August", "July", "June", "May", "April")
    texts = {f"{what} {month}": said for what, said in (("status", "least amount paid"), ("bill", "NT$964,511"))
             for month in months}  # fmt: skip
    schema = Schema(features=tuple(Feature(name=name, kind="number") for name in texts))
    browser_page.set_viewport_size({"width": 390, "height": 844})
    browser_page.set_content(f"<style>{STYLE.read_text(encoding='utf-8')}</style>{card(texts, schema)}")
    assert browser_page.locator(".ctviz-months").get_by_role("cell", name="NT$964,511").count() == len(months)
    assert browser_page.locator(".ctviz-scroll").evaluate("box => box.scrollWidth - box.clientWidth") == 0


def person_rules_and_both_plans_are_on_the_first_screen(page) -> None:
    page.locator(".ctviz-headline").filter(has_text="Both models ask to lower duration").wait_for()
    page.get_by_text("No cheaper plan exists.").nth(1).wait_for()
    picture_ready(page)
    height = page.viewport_size["height"]
    assert page.locator(".st-key-recourse-person").is_visible()
    assert bottom(page.get_by_role("radiogroup", name="duration may change")) < height
    for plan in page.get_by_text("No cheaper plan exists.").filter(visible=True).all():
        assert bottom(plan) < height, "the plan and its proof are seen without scrolling"
    assert sideways(page) == 0 and page.locator('[data-testid="stAlert"]').count() == 0
    for name in ("Cannot change", "Rules"):
        assert page.get_by_label(name, exact=True).count(), "screen readers are told what it is"
    assert page.get_by_role("button", name="Range and difficulty of duration").is_visible()


def another_person_is_picked(page) -> None:
    page.get_by_role("button", name="Another person").click()
    until(page, "() => new URLSearchParams(location.search).get('person') !== '4'")
    page.get_by_role("heading", name=f"Person {query_of(page)['person']} of the test data").wait_for()


def a_locked_feature_leaves_the_plans(page) -> None:
    plans = page.locator(".ctviz-plan li")
    plans.filter(has_text="Lower duration").first.wait_for()
    group = page.get_by_role("radiogroup", name="duration may change")
    group.get_by_role("radio", name="locked").click()
    until(page, "() => location.search.includes('duration%3Alocked')")
    plans.filter(has_text="duration").first.wait_for(state="detached")
    plans.nth(1).wait_for()
    page.get_by_role("button", name="age", exact=True).press("Enter")
    until(page, "() => location.search.includes('age%3Alocked')")


def a_plan_is_kept(page) -> None:
    picture_ready(page)  # with plans under both locks
    page.get_by_role("button", name="Keep this plan").last.click()
    kept = page.locator(".st-key-kept-0")
    kept.get_by_text("Made under the rules: Realistic, but age locked and duration locked.").wait_for()
    kept.get_by_role("heading", name="Counterfactual training").wait_for()


def a_lock_in_the_way_is_released(page) -> None:
    page.get_by_text("Releasing account gives one.").first.wait_for()
    page.get_by_role("button", name="Release account").first.click()
    until(page, "() => location.search.includes('account%3Afree')")
    page.get_by_role("button", name="Release account").first.wait_for(state="detached")
    page.locator(".ctviz-plan li").filter(has_text="Change account").first.wait_for()


def what_can_be_pressed_is_not_printed(page) -> None:
    page.emulate_media(media="print")
    for name in ("Another person", "Choose a person", "Keep this plan"):
        buttons = page.get_by_role("button", name=name).all()
        assert not any(button.is_visible() for button in buttons)
    page.emulate_media(media="screen")


def on_a_phone_person_advice_and_rules_follow_each_other(page) -> None:
    assert_fits_a_phone(page)
    picture_ready(page)
    person, rules = page.locator(".st-key-recourse-person"), page.get_by_role("heading", name="What may change")
    first, second = (page.locator(f".st-key-advice-{arm}") for arm in ("vanilla", "full"))
    tops = [one.bounding_box()["y"] for one in (person, first, second, rules)]
    assert tops == sorted(tops)
    page.get_by_role("radio", name="Law").scroll_into_view_if_needed()
    page.get_by_role("radio", name="Law").click()
    until(page, "() => location.search.includes('set=law')")
