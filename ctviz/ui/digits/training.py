"""What Digits trains: locks on pixels, the model, the digits it learns from, and for experts all the rest."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import streamlit as st

from ctviz.catalogue.settings import differences
from ctviz.data.images import NAME, remember_folder
from ctviz.data.user_folders import user_folder
from ctviz.errors import CtvizError
from ctviz.experiments.config import Experiment
from ctviz.models.model_settings import ModelSettings
from ctviz.prose import listed
from ctviz.training.arm import Arm
from ctviz.ui.digits.digits_view import DigitsView
from ctviz.ui.digits.locks import choose_locks
from ctviz.ui.digits.memory import memory
from ctviz.ui.digits.pictures import styles_of
from ctviz.ui.kit import bind, rights
from ctviz.ui.kit.draft import Draft, run_again
from ctviz.ui.kit.frame import literal
from ctviz.ui.kit.pages import DIGITS, FIRST_DIGITS
from ctviz.ui.kit.service import Service
from ctviz.ui.kit.settings import group, of_search, setting, settings
from ctviz.ui.kit.training import train_button

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "mlp-32": ("Small (32 hidden, the paper's)", {"hidden": (32,), "channels": ()}),
    "mlp-64": ("Wide (64 hidden units)", {"hidden": (64,), "channels": ()}),
    "mlp-128": ("Wider (128 hidden units)", {"hidden": (128,), "channels": ()}),
    "cnn": ("Convolutional (LeNet-like)", {"hidden": (32,), "channels": (6, 16)}),
}
OWN_MODEL = "own"

FOLDER_FIRST = (
    "These digits do not come with ctviz: name the folder where their files lie. Until then nothing changes, and the "
    "models go on learning from the 10,000."
)
SOURCES = {"shipped": "10,000 that come with ctviz", "folder": "59,000 of all, from a folder"}

AS_SHIPPED = (
    "The run that ships with ctviz: training as in the paper, but for λ_reg, which is its usual 0.1 and not the 0.01 "
    "that it took for MNIST."
)

AS_READABLE = (
    "The run that ships whose digits can be read: nascent counterfactuals may be as far as ε = 1, not 0.3 as in the "
    "paper, and count three times as much; energies count less, searches take longer steps, and 128 units are hidden."
)
SHIPPED = {DIGITS.preset: AS_SHIPPED, FIRST_DIGITS["preset"]: AS_READABLE}
"""The runs that ship, in words."""


def training(service: Service, draft: Draft[DigitsView]) -> None:
    """Locks, model and data, the button that trains, and all settings for experts."""
    st.markdown("##### Train")
    choose_locks(service, draft)
    _model(draft)
    _data(draft)
    setting(draft, "training.epochs")
    state = service.state(draft.experiment.key)
    if not state.live and state.state != "done":
        train_button(service, draft)
    _what_differs(draft)
    _expert(draft)


def _model(draft: Draft[DigitsView]) -> None:
    model = draft.experiment.model
    shown = next(
        (name for name, (_, parts) in MODELS.items() if all(getattr(model, part) == v for part, v in parts.items())),
        OWN_MODEL,
    )

    def read(name: str) -> Mapping[str, Any]:
        return {f"model.{part}": value for part, value in MODELS[name][1].items()} if name in MODELS else {}

    titles = {name: title for name, (title, _) in MODELS.items()} | {OWN_MODEL: _in_words(model)}
    bind.choice(
        "Model", [*MODELS, *([OWN_MODEL] if shown == OWN_MODEL else [])],
        bind.to_settings(draft, "digits-model", shown, read, lambda _: shown), words=titles,
        help="What all models of the run look like: one hidden layer, or convolutions of 6 and 16 channels first. "
        "They share their first weights, batches and draws.",
    )  # fmt: skip


def _in_words(model: ModelSettings) -> str:
    units = f"{listed([str(width) for width in model.hidden]) or 'no'} hidden units"
    return f"Convolutions of {listed([str(width) for width in model.channels])}, {units}" if model.channels else units


def _data(draft: Draft[DigitsView]) -> None:
    source = getattr(draft.experiment.data, "source", "shipped")
    shown = "folder" if source == "folder" or memory().folder_asked else "shipped"

    def take(chosen: str) -> None:
        memory().folder_asked = chosen == "folder" and user_folder(NAME) is None
        if not memory().folder_asked:
            _learn_from(draft, chosen)

    bind.choice(
        "Digits to learn from", SOURCES, bind.to("digits-source", shown, take), words=SOURCES,
        help="10,000 as in the paper, 1,000 of each class; or all of MNIST's training digits but 1,000 that are kept "
        "aside, from files that you have.",
    )  # fmt: skip
    bind.say_why_not(draft, "data.source")
    if shown == "folder":
        _folder(draft)


def _learn_from(draft: Draft[DigitsView], source: str) -> None:
    draft.change("data.source", {"data.source": source, "data.n_train": 59_000 if source == "folder" else 10_000})


def _folder(draft: Draft[DigitsView]) -> None:
    """Asks where the files lie; checked before anything is changed."""
    if reason := rights.refusal("folder"):
        st.caption(reason)
        return
    known = str(user_folder(NAME) or "")
    text = st.text_input(
        "Folder with MNIST's files", known, key="digits-folder",
        help="Where train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz lie on the computer that runs ctviz. "
        "They are checked before they are used.",
    )  # fmt: skip
    if not (text.strip() or known):
        st.info(FOLDER_FIRST, icon=":material/folder_open:")
    if text.strip() in ("", known):
        return
    try:
        with st.spinner("Checking the files …"):
            said = remember_folder(text)
    except CtvizError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    st.success(literal(said), icon=":material/check:")
    memory().folder_asked = False
    if getattr(draft.experiment.data, "source", None) != "folder":
        _learn_from(draft, "folder")
        run_again()


def _what_differs(draft: Draft[DigitsView]) -> None:
    """What differs from that of the runs that ship which is most like it, and the way back."""
    base = min(SHIPPED, key=lambda preset: len(differences(draft.experiment, preset)))
    said = differences(draft.experiment, base)
    if not said:
        st.caption(SHIPPED[base])
        return
    st.caption(f"Differs from the run that ships: {literal('; '.join(said[:6]))}{'; …' if len(said) > 6 else ''}.")

    def back() -> None:
        memory().forget_training()
        draft.start_from(Experiment.preset(base))

    st.button("Back to the run that ships", key="reset", type="tertiary", icon=":material/undo:", on_click=back)


def _expert(draft: Draft[DigitsView]) -> None:
    """The settings that a newcomer need not see."""
    styles = dict(zip((arm.name for arm in draft.experiment.arms), styles_of(draft.experiment), strict=True))
    taught = [arm for arm in draft.experiment.arms if arm.trains_on_counterfactuals] or draft.experiment.arms
    for arm in taught:
        title = f"Objective and search: {styles[arm.name].title}"
        group(title, f"group-{arm.name}", functools.partial(_arm, draft, arm))
    group("Training, digits and measuring", "group-training", lambda: _training(draft))


def _arm(draft: Draft[DigitsView], arm: Arm) -> None:
    settings(draft, f"arms.{arm.name}.", (*arm.own_settings, "averaging", *of_search(arm), "lock_when", "shield"))


def _training(draft: Draft[DigitsView]) -> None:
    settings(draft, "training.", ("batch", "n_ce", "burnin", "optimiser", "lr"))
    settings(draft, "", ("seed", "data.n_train", "data.seed", "model.initial", "evaluation.every"))
