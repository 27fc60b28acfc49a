"""Controls bound to the draft: each shows what the draft holds and hands over what a person makes of it.

A ``Binding`` joins a control to a value: a field of the view (``to_view``), settings of the experiment
(``to_settings``), or anything else (``to``). The functions below draw a control for a binding::

    choice("Attack", ["fgsm", "pgd"], to_view(draft, "attack", key="digits-attack"), kind="buttons")

What a control shows comes from the draft at every rerun, so that the link, a click in a picture, an uploaded file and a
reset move it too. A browser that has not heard of that yet reports, with whatever is pressed next, what the control
showed before. So what was moved in this way, a setting or a field of the view, is drawn as another widget, and that
report is about none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import streamlit as st

from ctviz.errors import ConfigError
from ctviz.ui.kit.draft import Draft, draft_now
from ctviz.ui.kit.frame import literal

Take = Callable[[Any], None]
"""Takes over a new value."""

Words = Callable[[Any], str] | Mapping[Any, str]
"""What an option is called; one that a mapping lacks is called what it is."""

Kind = Literal["menu", "buttons", "list", "pills", "slider"]
"""How a choice is drawn."""


def _nothing() -> None: ...


@dataclass(frozen=True)
class Binding:
    """A control's key, the value that it shows, and what becomes of another one.

    Attributes:
        is_meant: whether a value that the browser reports was chosen by the person. A control that is still being
            loaded when the next rerun is asked for, or that has just left the page, may report what it shows.
        renewed: whether it is drawn as another widget once the page has moved it.
        after: is called below the control, to say why its value was refused.
    """

    key: str
    shown: Any
    take: Take
    is_meant: Callable[[Any], bool]
    renewed: bool = False
    after: Callable[[], None] = field(default=_nothing)

    def bound(self, none: bool = False) -> dict[str, Any]:
        """What every widget needs, its key and its callback, after the session was told what it shows.

        The widget is to be given ``shown`` as its default too. A browser that is still loading it when a second rerun
        arrives starts it from its default; left to itself, that is the first option, which would then be taken for
        what the person wants.

        Args:
            none: whether the control can be emptied by the person; else an empty one is ignored.
        """
        state, key = st.session_state, self._widget()
        if key not in state or state[key] != self.shown:
            state[key] = self.shown

        def changed() -> None:
            value = state[key]
            if (none or value is not None) and self.is_meant(value):
                _told(_TAKEN)[self.key] = value
                self.take(value)

        return {"key": key, "on_change": changed}

    def _widget(self) -> str:
        """The key of the widget: the control's own, and a number once the page has moved the control."""
        taken, moves = _told(_TAKEN).pop(self.key, None), _told(_MOVES)
        if not self.renewed:
            return self.key
        held = st.session_state.get(_numbered(self.key, moves.get(self.key, 0)), self.shown)
        if held not in (self.shown, taken):  # what the person entered may be written otherwise
            moves[self.key] = moves.get(self.key, 0) + 1
        return _numbered(self.key, moves.get(self.key, 0))


_TAKEN, _MOVES = "_taken", "_moves"


def _told(name: str) -> dict[str, Any]:
    """By control: what was taken over since it was drawn; how often the page has moved it."""
    told: dict[str, Any] = st.session_state.setdefault(name, {})
    return told


def _numbered(key: str, moves: int) -> str:
    return f"{key}-{moves}" if moves else key


def to(key: str, shown: Any, take: Take, renewed: bool = False) -> Binding:
    """Binds a control to a value that ``take`` changes; ``renewed`` as of ``Binding``."""
    return Binding(key, shown, take, lambda value: value != shown, renewed)


def to_view(draft: Draft[Any], name: str, key: str, **also: Any) -> Binding:
    """Binds a control to a field of the draft's view; ``also``: other fields that change with it."""
    return to(key, getattr(draft.view, name), lambda value: draft.look(**{**also, name: value}), renewed=True)


def to_settings(
    draft: Draft[Any],
    control: str,
    value: Any,
    read: Callable[[Any], Mapping[str, Any]] | None = None,
    waiting: Callable[[Mapping[str, Any]], Any] | None = None,
    then: Callable[[], None] = _nothing,
    words: Callable[[str], str] = str,
) -> Binding:
    """Binds a control to settings of the draft's experiment, which may refuse a value with a reason.

    Args:
        control: names the control; by default also the setting that it changes.
        value: what the experiment holds.
        read: a new value → the changes that it stands for.
        waiting: changes that were refused → what the control shows then; by default the first of them.
        then: follows once a change has been taken over.
        words: puts the reason of a refusal otherwise.
    """
    refused = draft.waiting(control)
    shown = value if refused is None else waiting(refused) if waiting else next(iter(refused.values()))
    started, experiment = draft.started, draft.experiment

    def take(chosen: Any) -> None:
        draft.change(control, read(chosen) if read else {control: chosen})
        then()

    def is_meant(chosen: Any) -> bool:
        # Its callback may come after that of the control which chose another experiment.
        of_this = draft_now() is draft and draft.started == started
        return of_this and (chosen != shown or draft.experiment != experiment)

    return Binding(f"set-{control}", shown, take, is_meant, True, lambda: say_why_not(draft, control, words))


def change_view(draft: Draft[Any], name: str, make: Callable[[], Any], **also: Any) -> None:
    """Gives a field of the view what ``make`` makes, or keeps why that is refused (``say_why_not`` of ``view.NAME``).

    Args:
        draft: whose view is changed.
        name: of the field.
        make: makes its new value; may raise ``ConfigError``.
        also: other fields that change with it.
    """
    draft.refused = {control: why for control, why in draft.refused.items() if control != f"view.{name}"}
    try:
        value = make()
    except ConfigError as error:
        draft.refused[f"view.{name}"] = f"{error.value!r} is not possible; allowed: {error.allowed}."
        return
    draft.look(**{**also, name: value})


def say_why_not(draft: Draft[Any], control: str, words: Callable[[str], str] = str) -> None:
    """The reason why what a control asks for is not possible, below it; ``words`` may put it otherwise."""
    if control in draft.refused:
        st.error(literal(words(draft.refused[control])), icon=":material/block:")


# -- controls ----------------------------------------------------------------------------------------


def _called(words: Words) -> Callable[[Any], str]:
    return (lambda option: words.get(option, str(option))) if isinstance(words, Mapping) else words


def choice(
    label: str,
    options: Iterable[Any],
    binding: Binding,
    *,
    kind: Kind = "menu",
    words: Words = str,
    none: bool = False,
    hidden: bool = False,
    **more: Any,
) -> Any:
    """One of several options; returns what is chosen.

    Args:
        kind: a menu, a row of buttons, a list, pills (for a choice that may be none), or a slider.
        words: what each option is called.
        none: whether nothing may be chosen.
        hidden: whether the label is for screen readers alone.
        more: arguments of the widget, such as ``help``.
    """
    listed, shown = list(options), binding.shown
    common = {
        "format_func": _called(words),
        "label_visibility": "collapsed" if hidden else "visible",
        **more,
        **binding.bound(none),
    }
    if kind in ("menu", "list"):
        draw: Any = st.selectbox if kind == "menu" else st.radio
        chosen = draw(label, listed, None if shown is None else listed.index(shown), **common)
    elif kind == "slider":
        chosen = st.select_slider(label, listed, shown, **common)
    else:
        draw = st.segmented_control if kind == "buttons" else st.pills
        chosen = draw(label, listed, default=shown, required=not none, **common)
    binding.after()
    return chosen


def several(label: str, options: Iterable[Any], binding: Binding, *, words: Words = str, **more: Any) -> list[Any]:
    """Any of several options, as pills; returns those that are chosen."""
    chosen = st.pills(
        label, list(options), selection_mode="multi", default=binding.shown, format_func=_called(words), **more,
        **binding.bound(),
    )  # fmt: skip
    binding.after()
    return list(chosen)


def several_of_many(label: str, options: Sequence[Any], binding: Binding, *, words: Words = str, **more: Any) -> Any:
    """Any of many options, in a menu that can be searched; returns those that are chosen."""
    chosen = st.multiselect(label, options, list(binding.shown), format_func=_called(words), **more, **binding.bound())
    binding.after()
    return chosen


def number(
    label: str,
    binding: Binding,
    low: float | None = None,
    high: float | None = None,
    *,
    step: float = 1,
    whole: bool | None = None,
    none: bool = False,
    **more: Any,
) -> Any:
    """A number to type; returns it.

    Args:
        whole: whether it is a whole number; by default, whether the value shown is one.
        none: whether it may be left empty.
    """
    cast: Callable[[Any], Any] = int if (isinstance(binding.shown, int) if whole is None else whole) else float
    low, high = (None if end is None else cast(end) for end in (low, high))
    value = st.number_input(
        label, low, high, binding.shown if binding.shown is None else cast(binding.shown), step=cast(step),
        format="%d" if cast is int else "%g", **more, **binding.bound(none),
    )  # fmt: skip
    binding.after()
    return value


def slider(label: str, low: float, high: float, binding: Binding, **more: Any) -> Any:
    """A number on a slider, or a range where the binding shows two; returns it."""
    value = st.slider(label, low, high, binding.shown, **more, **binding.bound())
    binding.after()
    return value


def toggle(label: str, binding: Binding, **more: Any) -> bool:
    """A switch; returns whether it is on."""
    value = st.toggle(label, binding.shown, **more, **binding.bound())
    binding.after()
    return bool(value)


def text(label: str, binding: Binding, **more: Any) -> str:
    """A line of text; returns it."""
    value = st.text_input(label, binding.shown, **more, **binding.bound())
    binding.after()
    return str(value or "")
