"""Numbers as the player writes them; in a browser, without a server."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.browser.driving import ROOT

pytestmark = pytest.mark.browser

NUMBERS = ROOT / "ctviz" / "figures" / "player" / "numbers.js"


def test_a_rounded_probability_never_contradicts_what_was_found(browser_page) -> None:
    source = quote(NUMBERS.read_text(encoding="utf-8"))
    code = f"""async () => {{
      const {{ chance, sureness }} = await import("data:text/javascript;charset=utf-8,{source}");
      return [chance(0.9476), chance(0.5), chance(0.999), chance(0.29),
        sureness(0.9476, 0.95, false), sureness(0.94999, 0.95, true), sureness(0.950003, 0.95, false),
        sureness(0.97, 0.95, true)];
    }}"""
    assert browser_page.evaluate(code) == ["0.94", "0.5", "> 0.99", "0.29", "0.94", "0.95", "0.94", "0.97"]
