"""The models of a run: which one the settings below are about; add, copy, remove, rename."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ctviz.experiments.config import Experiment
from ctviz.training.arm import VARIANTS, Arm, Objective, TrainingSearch
from ctviz.training.methods import TRAINING_METHODS
from ctviz.ui.kit import bind, link
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.settings import setting


def pick_arm(draft: Draft[Any]) -> Arm:
    """Which model the groups below are about; add, copy, remove, rename."""
    arms = {arm.name: arm for arm in draft.experiment.arms}
    if st.session_state.get("arm") not in arms:
        st.session_state["arm"] = next(
            (name for name, arm in arms.items() if arm.trains_on_counterfactuals), next(iter(arms))
        )
    st.markdown("**Models side by side**")
    name = st.pills(
        "The settings below are those of", list(arms), default=st.session_state["arm"], key="arm", required=True,
        help="All models of a run share first weights, batches and draws; only what is set below may differ.",
    )  # fmt: skip
    arm = arms[str(name)]
    with st.container(horizontal=True, gap="small", key="arm-actions"):
        full = len(arms) >= link.MAX_ARMS
        variants = [pair for method in TRAINING_METHODS.values() for pair in method.variants.items()]
        with st.popover("Add", disabled=full, icon=":material/add:"):
            for name, variant in variants:
                st.button(variant.title, key=f"add-{name}", on_click=add_arm, args=(draft, name), width="stretch")
        st.button("Copy", disabled=full, key="copy-arm", on_click=copy_arm, args=(draft, arm.name))
        st.button("Remove", disabled=len(arms) == 1, key="remove-arm", on_click=remove_arm, args=(draft, arm.name))
        with st.popover("Rename"):
            _rename(draft, arm.name)
    if full:
        st.caption(f"At most {link.MAX_ARMS} models fit side by side.")
    bind.say_why_not(draft, "arms")
    return arm


def _rename(draft: Draft[Any], name: str) -> None:
    setting(draft, f"arms.{name}.name")


def free_name(name: str, taken: set[str]) -> str:
    """``name``, or the first of ``name 2``, ``name 3`` … that is free."""
    names = (name, *(f"{name[:36]} {i}" for i in range(2, len(taken) + 3)))
    return next(candidate for candidate in names if candidate not in taken)


def add_arm(draft: Draft[Any], variant: str) -> None:
    """Adds a variant of a method, searching as the other models do unless the variant says how."""
    arms = draft.experiment.arms
    search = {name: getattr(arms[-1], name) for name in TrainingSearch.model_fields}
    name = free_name(variant, {arm.name for arm in arms})
    usual = next((arm for arm in Experiment.preset(draft.experiment.data.name).arms if arm.name == variant), None)
    weights = {weight: getattr(usual, weight) for weight in Objective.model_fields} if usual else {}
    values = {**Arm.variant(variant).model_dump(), **weights, **search, **VARIANTS[variant], "name": name}
    _set_arms(draft, [*arms, Arm(**values)], name)


def copy_arm(draft: Draft[Any], name: str) -> None:
    """Adds a model with all settings of another."""
    arms = draft.experiment.arms
    copied = next(arm for arm in arms if arm.name == name)
    fresh = free_name(name, {arm.name for arm in arms})
    _set_arms(draft, [*arms, Arm(**{**copied.model_dump(), "name": fresh})], fresh)


def remove_arm(draft: Draft[Any], name: str) -> None:
    """Takes a model out of the run."""
    _set_arms(draft, [arm for arm in draft.experiment.arms if arm.name != name], None)


def _set_arms(draft: Draft[Any], arms: list[Arm], picked: str | None) -> None:
    draft.change("arms", {"arms": arms})
    st.session_state["arm"] = picked
