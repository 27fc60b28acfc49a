"""A table of one's own in a real browser: uploaded by the keyboard, learned from while the page goes on, found again
after a reload, and nothing of it on the disk."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.browser.driving import picture_ready, until
from tests.browser.looks import assert_fits_a_phone

pytestmark = pytest.mark.browser

SECRET = "nobody-else-has-this-text"


def people(n: int = 30_000) -> bytes:
    """More than a megabyte, from which on Streamlit's server by itself writes uploads to a temporary file."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({f"x{i}": rng.normal(size=n).round(4) for i in range(6)})
    frame["job"] = rng.choice([SECRET, "clerk", "nurse"], n)
    frame["loan"] = np.where(frame["x0"] + frame["x1"] + rng.normal(0, 0.5, n) > 0, "granted", "refused")
    return frame.to_csv(index=False).encode()


def holders(folder: Path) -> list[Path]:
    """The files of a folder that hold the text of the table."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if SECRET.encode() in path.read_bytes()]


def open_files(process: int) -> list[str]:
    """What the server has open on disks, files without a name included."""
    names = []
    for entry in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):  # it was closed meanwhile
            names.append(str(entry.readlink()))
    return [name for name in names if "/tmp" in name and "(deleted)" in name]


def test_a_table_is_uploaded_learned_from_and_found_again(app, browser_page):
    page, content = browser_page, people()
    assert len(content) > 1 << 20
    page.goto(f"{app.url}/recourse?set=anything")
    page.get_by_text("Use your own table").click()
    page.locator(".st-key-own-table input[type=file]").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": content}
    )
    page.get_by_text("30,000 rows, 8 columns").wait_for()
    assert page.get_by_role("combobox", name="What is decided").input_value() == "loan"
    page.get_by_role("region", name="Columns of the table").focus()  # the keyboard scrolls it
    page.get_by_role("combobox", name="Type").focus()
    page.keyboard.type("leave")
    page.get_by_role("option", name="leave out").wait_for()
    page.keyboard.press("Enter")
    page.locator("table.ctviz-table tr", has_text="x0").get_by_text("left out").wait_for()
    until(page, "() => new URLSearchParams(location.search).get('own')")
    page.reload()
    page.locator("table.ctviz-table tr", has_text="x0").get_by_text("left out").wait_for()
    assert not page.get_by_text("is not in memory").count()
    page.get_by_role("button", name="Have models learn from it").click()
    page.get_by_text("Learning: epoch").wait_for()
    page.locator(".st-key-own-cancel button").click()
    page.get_by_text("This training was stopped; your table is still here.").wait_for()
    assert not holders(app.home) and not open_files(app.process.pid)
    page.set_viewport_size({"width": 390, "height": 844})
    picture_ready(page)
    assert_fits_a_phone(page)
    page.get_by_role("button", name="Forget this table").click()
    page.get_by_text("Use your own table").wait_for()
    until(page, "() => !new URLSearchParams(location.search).get('own')")
