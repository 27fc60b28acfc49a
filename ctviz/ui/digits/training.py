"""What Digits trains: locks on pixels, the model, the digits it learns from, and for experts all the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from ctviz.counterfactuals.generators import GENERATORS
from ctviz.data.image_sets import ImageSettings
from ctviz.data.images import datasets_folder, remember_folder
from ctviz.data.schema import FeatureRef
from ctviz.errors import CtvizError
from ctviz.experiments.config import Experiment
from ctviz.training.arm import Objective
from ctviz.ui.digits.answers import mean_digits
from ctviz.ui.digits.controls import control
from ctviz.ui.digits.look import seen_last
from ctviz.ui.digits.pictures import styles_of
from ctviz.ui.digits.stage import paint_mask
from ctviz.ui.digits.view import PAPER_LOCK, DigitsView, lockable, locked_pixels
from ctviz.ui.kit.controls import now, say_why_not, setting, show
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import literal
from ctviz.ui.kit.pages import DIGITS
from ctviz.ui.kit.panel import train_button
from ctviz.ui.kit.service import Service
from ctviz.ui.vocabulary import differences

LOCKS = {
    "paper": "Top and bottom five rows (the paper)",
    "none": "Nothing",
    "paint": "Paint them",
}
PAINTING = "digits-painting"
"""Session: whether the painter is open though what is locked is one of the two usual choices."""

PAINTED = "digits-painted"
"""Session: the mask that was taken over last, so that one which is refused is refused once."""

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "mlp-32": ("Small (32 hidden, the paper's)", {"hidden": (32,), "channels": ()}),
    "mlp-64": ("Wider (64 hidden units)", {"hidden": (64,), "channels": ()}),
    "cnn": ("Convolutional (LeNet-like)", {"hidden": (32,), "channels": (6, 16)}),
}
OWN_MODEL = "own"

AS_SHIPPED = (
    "The run that ships with ctviz: training as in the paper, but for λ_reg, which is its usual 0.1 and not the 0.01 "
    "that it took for MNIST."
)

ALL_LOCKED = (
    "With every pixel locked nothing can change: there is no counterfactual to find, and none to learn from. "
    "Leave some pixels free."
)


def training(service: Service, draft: Draft[DigitsView]) -> None:
    """Locks, model and data, the button that trains, and all settings for experts."""
    st.markdown("##### Train")
    _locks(service, draft)
    _model(draft)
    _data(draft)
    setting(draft, "training.epochs")
    state = service.state(draft.experiment.key)
    if not state.live and state.state != "done":
        train_button(service, draft)
    _differs(draft)
    _expert(draft)


# -- locks ---------------------------------------------------------------------------------------------


def _locks(service: Service, draft: Draft[DigitsView]) -> None:
    arms = lockable(draft.experiment)
    refs = arms[-1].locked
    shown = _kind_of(refs)
    if st.session_state.get(PAINTING) or "locked" in draft.pending:
        shown = "paint"
    some = "" if len(arms) == len(draft.experiment.arms) else ", in the model trained with a lock"

    def take(kind: str) -> None:
        st.session_state[PAINTING] = kind == "paint"
        if kind != "paint":
            st.session_state.pop(PAINTED, None)
            lock(draft, PAPER_LOCK if kind == "paper" else ())

    st.radio(
        f"Locked pixels{some}", list(LOCKS), list(LOCKS).index(shown), format_func=LOCKS.__getitem__,
        help="Counterfactuals may not change these pixels, and training leaves them out of what it compares with real "
        "digits, so that the model learns to lean on them less.",
        **control("locks", shown, take),
    )  # fmt: skip
    if shown == "paint":
        _paint(service, draft, refs)
    say_why_not(draft, "locked", lambda why: ALL_LOCKED if "left free" in why else why)


def _kind_of(refs: tuple[FeatureRef, ...]) -> str:
    return "none" if not refs else "paper" if refs == PAPER_LOCK else "paint"


def lock(draft: Draft[DigitsView], refs: tuple[FeatureRef, ...]) -> None:
    """Asks for a lock in all models that this page locks."""
    # A conventional model learns nothing from counterfactuals: what it is locked for is its advice alone.
    draft.change("locked", {f"arms.{arm.name}.locked": refs for arm in lockable(draft.experiment)})


def _paint(service: Service, draft: Draft[DigitsView], refs: tuple[FeatureRef, ...]) -> None:
    run_view = service.run_view(draft.experiment.key) or seen_last(service)[0]
    under = (
        mean_digits(run_view).mean(0)
        if run_view is not None
        else np.full(ImageSettings().grid, -1.0, np.float32).ravel()
    )
    painted = paint_mask(under, key="digits-mask", initial=refs)
    if painted.ref != st.session_state.get(PAINTED) and (painted.mask != locked_pixels(refs)).any():
        st.session_state[PAINTED] = painted.ref
        lock(draft, usual(painted.mask, painted.ref))
        st.rerun()


def usual(mask: np.ndarray[Any, Any], ref: str) -> tuple[FeatureRef, ...]:
    """A mask by its usual name where it has one."""
    if not mask.any():
        return ()
    return PAPER_LOCK if (mask == locked_pixels(PAPER_LOCK)).all() else (ref,)


# -- model and data --------------------------------------------------------------------------------------


def _model(draft: Draft[DigitsView]) -> None:
    model = draft.experiment.model
    shown = next(
        (name for name, (_, parts) in MODELS.items() if all(getattr(model, part) == v for part, v in parts.items())),
        OWN_MODEL,
    )
    options = [*MODELS, *([OWN_MODEL] if shown == OWN_MODEL else [])]

    def read(name: str) -> Mapping[str, Any]:
        return {f"model.{part}": value for part, value in MODELS[name][1].items()} if name in MODELS else {}

    titles = {name: title for name, (title, _) in MODELS.items()} | {OWN_MODEL: "As the link or file says"}
    common = show(draft, "digits-model", shown, read, lambda _: shown)
    st.selectbox(
        "Model", options, options.index(now(common)), format_func=titles.__getitem__,
        help="What all models of the run look like: one hidden layer, or convolutions of 6 and 16 channels first. "
        "They share their first weights, batches and draws.", **common,
    )  # fmt: skip
    say_why_not(draft, "digits-model")


def _data(draft: Draft[DigitsView]) -> None:
    source = getattr(draft.experiment.data, "source", "shipped")
    asked = st.session_state.get("digits-folder-asked", False)
    shown = "folder" if source == "folder" or asked else "shipped"

    def take(choice: str) -> None:
        st.session_state["digits-folder-asked"] = choice == "folder" and datasets_folder() is None
        if choice == "shipped" or datasets_folder() is not None:
            _use(draft, choice)

    st.selectbox(
        "Digits to learn from", ["shipped", "folder"], int(shown == "folder"),
        format_func={"shipped": "10,000 that come with ctviz", "folder": "59,000 of all, from a folder"}.__getitem__,
        help="10,000 as in the paper, 1,000 of each class; or all of MNIST's training digits but 1,000 that are kept "
        "aside, from files that you have.",
        **control("source", shown, take),
    )  # fmt: skip
    say_why_not(draft, "data.source")
    if shown == "folder":
        _folder(draft)


def _use(draft: Draft[DigitsView], source: str) -> None:
    draft.change("data.source", {"data.source": source, "data.n_train": 59_000 if source == "folder" else 10_000})


def _folder(draft: Draft[DigitsView]) -> None:
    """Asks where the files lie; checked before anything is changed."""
    known = datasets_folder()
    text = st.text_input(
        "Folder with MNIST's files", "" if known is None else str(known), key="digits-folder",
        help="Where train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz lie on the computer that runs ctviz. "
        "They are checked before they are used.",
    )  # fmt: skip
    if not text.strip() or (known is not None and text.strip() == str(known)):
        return
    try:
        with st.spinner("Checking the files …"):
            said = remember_folder(text)
    except CtvizError as error:
        st.error(literal(str(error)), icon=":material/error:")
        return
    st.success(literal(said), icon=":material/check:")
    st.session_state["digits-folder-asked"] = False
    if draft.experiment.data.model_dump().get("source") != "folder":
        _use(draft, "folder")
        st.rerun()


# -- the rest --------------------------------------------------------------------------------------------


def _differs(draft: Draft[DigitsView]) -> None:
    said = differences(draft.experiment)
    if not said:
        st.caption(AS_SHIPPED)
        return
    st.caption(f"Differs from the run that ships: {literal('; '.join(said[:6]))}{'; …' if len(said) > 6 else ''}.")

    def back() -> None:
        for name in (PAINTING, PAINTED, "digits-folder-asked"):
            st.session_state.pop(name, None)
        draft.start_from(Experiment.preset(DIGITS.preset))

    st.button("Back to the run that ships", key="reset", type="tertiary", icon=":material/undo:", on_click=back)


def _expert(draft: Draft[DigitsView]) -> None:
    called = dict(zip((arm.name for arm in draft.experiment.arms), styles_of(draft.experiment), strict=True))
    taught = [arm for arm in draft.experiment.arms if arm.trains_on_counterfactuals] or list(draft.experiment.arms)
    for arm in taught:
        with st.expander(f"Objective and search: {called[arm.name].title}", key=f"group-{arm.name}"):
            used = ("generator", *GENERATORS[arm.generator].settings, "lock_when", "shield")
            for name in (*Objective.model_fields, *used):
                setting(draft, f"arms.{arm.name}.{name}")
    with st.expander("Training, digits and measuring", key="group-training"):
        for name in ("batch", "n_ce", "burnin", "optimiser", "lr"):
            setting(draft, f"training.{name}")
        for name in ("seed", "data.n_train", "data.seed", "model.initial", "evaluation.every"):
            setting(draft, name)
