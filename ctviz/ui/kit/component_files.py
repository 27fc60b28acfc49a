"""Code and styles of the components as files that a browser fetches once.

Given to Streamlit as text, they would travel with every message to a component: a hundred kilobytes at each step of a
slider. Streamlit serves files of a component to its page, if they lie in a folder that is declared for it. For those
who install a package, that is done in its ``pyproject.toml``; here the files are linked when the app starts, so the
same declaration is made in code.
"""

from __future__ import annotations

import functools
import hashlib
import tempfile
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

import ctviz
from ctviz.figures.player.source import Kind, component, style
from ctviz.paths import write_whole


def mounted(kind: Kind) -> Any:
    """What mounts a component, see ``st.components.v2.component``."""
    name = f"ctviz.{kind.lower()}"
    manager = get_bidi_component_manager()
    if manager.get_component_asset_root(name) is None:
        _folder_of(kind).mkdir(exist_ok=True)
        declared = ComponentManifest("ctviz", ctviz.__version__, [ComponentConfig(kind.lower(), kind.lower())])
        manager.register_from_manifest(declared, Path(_folder().name))
    return _component(kind, name)


@st.cache_resource(show_spinner=False)
def _component(kind: Kind, name: str) -> Any:
    css, js = (_written(kind, *part) for part in (("css", style(kind)), ("js", component(kind))))
    return st.components.v2.component(name, css=css, js=js)


def _written(kind: Kind, ending: str, text: str) -> str:
    """The name of the file of a text, which changes with it: browsers keep what they have fetched."""
    name = f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.{ending}"
    write_whole(_folder_of(kind) / name, text.encode())
    return name


def _folder_of(kind: Kind) -> Path:
    return Path(_folder().name, kind.lower())


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """A folder of this process, gone with it."""
    return tempfile.TemporaryDirectory(prefix="ctviz-player-", ignore_cleanup_errors=True)
