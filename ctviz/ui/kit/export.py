"""What a person can take away from a page, and a file of settings they can bring back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from ctviz.errors import ConfigError, CtvizError
from ctviz.experiments.config import Experiment
from ctviz.experiments.run import history
from ctviz.experiments.take_away import python_code
from ctviz.figures.stage.export import standalone_html
from ctviz.ui.kit import link
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import literal
from ctviz.ui.kit.run_view import RunView

MOST_TOML = 64 * 1024
"""Bytes of an uploaded file; the settings of eight arms take four thousand."""


def take_away(draft: Draft[Any], run_view: RunView | None, files: Callable[[RunView], None] | None = None) -> None:
    """Everything that can be taken away, in one place; what is costly is made when it is asked for.

    Args:
        draft: what the page shows.
        run_view: its run, if there is something to see of it.
        files: offers what the page makes of a run; by default what Boundaries does.
    """
    with st.popover("Share and take away", icon=":material/ios_share:", width="stretch"):
        st.markdown("**Link** to exactly what you see")
        st.code(address(draft), language=None, wrap_lines=True)
        if run_view is not None:
            (files or _files_of_run)(run_view)
        else:
            st.caption("Train these settings to take away pictures and numbers.")
        experiment = draft.experiment
        st.download_button(
            "Settings (TOML)", experiment.to_toml(), f"{stem(experiment)}.toml", "application/toml",
            key="toml", on_click="ignore", icon=":material/settings:", width="stretch",
        )  # fmt: skip
        _bring_back(draft)
        st.markdown("**Python** that computes the same run")
        st.code(python_code(experiment), language="python", height=260)


def address(draft: Draft[Any]) -> str:
    """The address of this page with the whole state in it."""
    scheme, host, path, *_ = urlsplit(st.context.url or "")
    return urlunsplit((scheme, host, path, urlencode(link.write(draft.experiment, draft.view)), ""))


def stem(experiment: Experiment) -> str:
    """Name of files about an experiment, without its ending."""
    return f"ctviz-{experiment.data.name}-{experiment.key[:8]}"


def _files_of_run(run_view: RunView) -> None:
    name = stem(run_view.experiment)
    st.caption("A PNG of the picture: the button below the picture itself.")
    st.download_button(
        "Animation that works offline (HTML)", animation(run_view), f"{name}.html", "text/html",
        key="html", on_click="ignore", icon=":material/movie:", width="stretch",
    )  # fmt: skip
    st.download_button(
        "Metrics of every epoch (CSV)", metrics_csv(run_view), f"{name}.csv", "text/csv",
        key="csv", on_click="ignore", icon=":material/table:", width="stretch",
    )  # fmt: skip


def animation(run_view: RunView) -> Callable[[], str]:
    """The standalone page of what there is of a run by now, made on demand."""
    snapshots = list(run_view.snapshots)
    return lambda: standalone_html(run_view.scene, snapshots, run_view.experiment)


def metrics_csv(run_view: RunView) -> Callable[[], str]:
    """Columns epoch, arm, metric, value; made on demand."""
    snapshots = list(run_view.snapshots)
    names = [arm.name for arm in run_view.experiment.arms]
    return lambda: history(names, snapshots).to_csv(index=False)


def _bring_back(draft: Draft[Any]) -> None:
    """Takes over the settings of a TOML file, once for each file."""
    st.markdown("**Bring back** settings")
    file = st.file_uploader("Settings as a TOML file", type="toml", key="upload", label_visibility="collapsed")
    if file is None or st.session_state.get("uploaded") == file.file_id:
        return
    try:
        experiment = from_toml(file.getvalue())
    except CtvizError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    st.session_state["uploaded"] = file.file_id
    draft.start_from(experiment)
    st.rerun()


def from_toml(content: bytes) -> Experiment:
    """The experiment in an uploaded file; raises ``ConfigError`` if it is not one that this app can show."""
    if len(content) > MOST_TOML:
        raise ConfigError("The file", f"{len(content)} bytes", f"at most {MOST_TOML} bytes")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError("The file", "not text", "TOML in UTF-8") from None
    experiment = Experiment.from_toml(text)
    if len(experiment.arms) > link.MAX_ARMS:
        raise ConfigError("arms", len(experiment.arms), f"at most {link.MAX_ARMS} in this app")
    return experiment
