"""Who speaks: the block that begins with a model's name, in its colour."""

from __future__ import annotations

from html import escape

from ctviz.ui.kit.theme import palette


def model_block(title: str, counterfactual: bool, said: str, below: str = "", level: int = 2) -> str:
    """HTML of a model's name, a sentence, and ``below``, which is HTML already."""
    role, own = ("counterfactual", palette().accent) if counterfactual else ("conventional", palette().conventional)
    return (
        f'<div class="ctviz-model {role}" style="--own:{own}"><h{level}>{escape(title)}</h{level}>'
        f"<p>{escape(said)}</p>{below}</div>"
    )
