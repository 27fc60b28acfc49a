"""The menu "Share and take away": the link, files that are made on demand, code, and settings that are brought back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from ctviz.errors import ConfigError, CtvizError
from ctviz.experiments.config import Experiment
from ctviz.experiments.python_code import python_code
from ctviz.experiments.run import history
from ctviz.figures.stage.export import standalone_html
from ctviz.ui.kit import link, rights
from ctviz.ui.kit.draft import Draft, run_again
from ctviz.ui.kit.energies import energy_shown
from ctviz.ui.kit.frame import literal
from ctviz.ui.kit.run_view import RunView

MENU = "share-menu"
"""The key of the menu."""

MAX_TOML = 64 * 1024
"""Bytes of an uploaded file; the settings of eight arms take four thousand."""


@dataclass(frozen=True)
class ExportFile:
    """A file to download: what the button says, what it holds (or what makes it), its name, type and icon."""

    label: str
    content: str | Callable[[], str] | Callable[[], bytes]
    name: str
    mime: str
    icon: str

    @property
    def key(self) -> str:
        return f"take-{self.name.rpartition('.')[2]}-{self.icon}"


def share_menu(draft: Draft[Any], draw: Callable[[], None]) -> None:
    """The menu, with the link on top; what ``draw`` draws follows. It is drawn while it is open: most never open it."""
    menu = st.popover("Share and take away", icon=":material/ios_share:", width="stretch", key=MENU, on_change="rerun")
    if menu.open:
        with menu:
            st.markdown("**Link** to exactly what you see")
            st.code(address(draft), language=None, wrap_lines=True)
            draw()


def share_is_open() -> bool:
    """Whether the menu of the page is open, and so shows the link."""
    return bool(st.session_state.get(MENU))


def offer(files: Iterable[ExportFile]) -> None:
    """A button for each file."""
    for file in files:
        st.download_button(
            file.label, file.content, file.name, file.mime, key=file.key, on_click="ignore",
            icon=f":material/{file.icon}:", width="stretch",
        )  # fmt: skip


def show_code(title: str, code: str, language: str, height: int | None = None) -> None:
    """Code to copy, under a title."""
    st.markdown(title)
    st.code(code, language=language, wrap_lines=height is None, height=height or "content")


def bring_back(title: str, label: str, key: str, take: Callable[[bytes], None]) -> None:
    """A place for a TOML file, handed to ``take`` once for each file; an error of it is said there.

    Args:
        title: above it.
        label: for screen readers.
        key: of the control.
        take: takes over the content of a file.
    """
    st.markdown(title)
    file = rights.uploader(label, type="toml", key=key, label_visibility="collapsed")
    taken = f"{key}-taken"
    if file is None or st.session_state.get(taken) == file.file_id:
        return
    try:
        take(file.getvalue())
    except CtvizError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    st.session_state[taken] = file.file_id
    run_again()


def read_toml(content: bytes) -> str:
    """The text of an uploaded TOML file; raises ``ConfigError`` where it is too large or no text."""
    if len(content) > MAX_TOML:
        raise ConfigError("The file", f"{len(content)} bytes", f"at most {MAX_TOML} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError("The file", "not text", "TOML in UTF-8") from None


def address(draft: Draft[Any]) -> str:
    """The address of this page with the whole state in it."""
    scheme, host, path, *_ = urlsplit(st.context.url or "")
    return urlunsplit((scheme, host, path, urlencode(link.write(draft.experiment, draft.view)), ""))


# -- of one run ------------------------------------------------------------------------------------------


def share_run(
    draft: Draft[Any], run_view: RunView | None, files: Callable[[RunView], Iterable[ExportFile]] | None = None
) -> None:
    """The menu of a page that shows one run; ``files``: what the page makes of it, by default what Boundaries does."""
    experiment = draft.experiment

    def draw() -> None:
        if run_view is None:
            st.caption("Train these settings to take away pictures and numbers.")
        elif files is None:
            st.caption("A PNG of the picture: the button below the picture itself.")
            offer([animation(run_view, draft), metrics(run_view)])
        else:
            offer(files(run_view))
        toml = f"{stem(experiment)}.toml", "application/toml", "settings"
        offer([ExportFile("Settings (TOML)", experiment.to_toml(), *toml)])
        bring_back(
            "**Bring back** settings", "Settings as a TOML file", "upload",
            lambda content: draft.start_from(experiment_in(content)),
        )  # fmt: skip
        show_code("**Python** that computes the same run", python_code(experiment), "python", height=260)

    share_menu(draft, draw)


def stem(experiment: Experiment) -> str:
    """Name of files about an experiment, without its ending."""
    return f"ctviz-{experiment.data.name}-{experiment.key[:8]}"


def animation(run_view: RunView, draft: Draft[Any]) -> ExportFile:
    """The standalone page of what there is of a run by now, coloured as the stage is when it is asked for."""
    snapshots, experiment, scene = list(run_view.snapshots), run_view.experiment, run_view.scene

    def made() -> str:
        return standalone_html(scene, snapshots, experiment, energy=energy_shown(run_view, draft.view, snapshots))

    return ExportFile(
        "Animation that works offline (HTML)", made,
        f"{stem(experiment)}.html", "text/html", "movie",
    )  # fmt: skip


def metrics(run_view: RunView) -> ExportFile:
    """Columns epoch, arm, metric, value."""
    snapshots, experiment = list(run_view.snapshots), run_view.experiment
    names = [arm.name for arm in experiment.arms]
    return ExportFile(
        "Metrics of every epoch (CSV)", lambda: history(names, snapshots).to_csv(index=False),
        f"{stem(experiment)}.csv", "text/csv", "table_rows",
    )  # fmt: skip


def experiment_in(content: bytes) -> Experiment:
    """The experiment in an uploaded file; raises ``ConfigError`` if it is not one that this app can show."""
    experiment = Experiment.from_toml(read_toml(content))
    if len(experiment.arms) > link.MAX_ARMS:
        raise ConfigError("arms", len(experiment.arms), f"at most {link.MAX_ARMS} in this app")
    return experiment
