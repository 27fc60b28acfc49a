"""What a page says and where its link is, read from an ``AppTest``."""

from __future__ import annotations

from collections.abc import Iterable
from html import unescape
from typing import Any

from streamlit.testing.v1 import AppTest


def bodies(at: AppTest) -> list[str]:
    """The page's own HTML, without its style, with plain spaces alone."""
    return [
        unescape(html.proto.body).replace("\u00a0", " ") for html in at.get("html") if "<style>" not in html.proto.body
    ]


def said(at: AppTest) -> str:
    """All that the page says in words."""
    parts = [*at.markdown, *at.caption, *at.info, *at.warning, *at.error, *at.title, *at.subheader]
    return "\n".join([*(unescape(part.value) for part in parts), *bodies(at)])


def moved(controls: Iterable[Any], key: str) -> Any:
    """A control that the page has moved, and so has drawn anew under its key and a number."""
    (found,) = (one for one in controls if one.key.rpartition("-")[0] == key and one.key.rpartition("-")[2].isdigit())
    return found


def query_of(at: AppTest) -> dict[str, str]:
    """The parameters of the page's link."""
    return {name: values[0] if isinstance(values, list) else values for name, values in at.query_params.items()}
