"""What may change: ready sets, what must not change at a press, and a card for each feature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from ctviz.catalogue.rows import in_words_of
from ctviz.catalogue.rules import CHANGES, DIFFICULTIES, difficulty_words, link_sentence, rule_words
from ctviz.data.people import text_of
from ctviz.data.rule_sets import rule_sets
from ctviz.data.rules import Rule
from ctviz.data.schema import Feature
from ctviz.data.tables.table import Table
from ctviz.experiments.adviser import MOST_PLANS
from ctviz.prose import begun, listed
from ctviz.ui.kit import bind
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.frame import literal
from ctviz.ui.kit.settings import group
from ctviz.ui.recourse.asked import titles
from ctviz.ui.recourse.context import AdviceContext
from ctviz.ui.recourse.recourse_view import RecourseView
from ctviz.ui.recourse.rules_now import RulesNow, change_rule, choose_set, put_rules, rules_now
from ctviz.ui.recourse.train_rules import ModelWithRules, rules_button

MOST_PILLS = 6
"""Features that can be locked by a press at once."""


def rules_panel(
    draft: Draft[RecourseView],
    context: AdviceContext,
    now: RulesNow,
    with_rules: ModelWithRules,
    texts: dict[str, str],
    asked: Sequence[str],
) -> None:
    """All rules: those that people ask for first, then a card for each feature that a plan changes, then the rest.

    Args:
        with_rules: the model that is trained with them.
        texts: the person's values, with units.
        asked: the features that the plans change, or whose release would give one.
    """
    table = context.adviser.table
    st.html("<h2>What may change</h2>")
    _sets(draft, table, now)
    _pills(draft, table, now)
    bind.say_why_not(draft, "view.rules")
    if now.problem:
        st.warning(literal(now.problem), icon=":material/rule:")
    if now.changed or draft.view.rules:
        _changed(draft, table, now)
    rules_button(draft, with_rules)
    features = {feature.name: feature for feature in table.schema.features}
    first = [name for name in asked if name in features]
    first += [name for name in now.changed if name not in first]
    for name in first:
        _card(draft, table, now, features[name], texts[name])
    rest = [name for name in features if name not in first]
    if rest:
        group(
            f"{'Other' if first else 'All'} features: {len(rest)}",
            "recourse-rest",
            lambda: _rest(draft, table, now, rest, texts),
        )
    group("Score, plans and models", "recourse-more", lambda: _more(draft, context, now))


def _sets(draft: Draft[RecourseView], table: Table, now: RulesNow) -> None:
    sets = {one.name: one for one in rule_sets(table)}
    binding = bind.to("recourse-set", now.base.name, lambda name: choose_set(draft, name), renewed=True)
    bind.choice(
        "Rules", sets, binding, kind="buttons", words={name: one.title for name, one in sets.items()}, hidden=True,
    )  # fmt: skip
    st.caption(literal(in_words_of(table.name, now.base.help)))


def _pills(draft: Draft[RecourseView], table: Table, now: RulesNow) -> None:
    """What the law protects, or else what stays as a rule, locked and released at a press."""
    offered = tuple((table.protected or table.rules.named("locked"))[:MOST_PILLS])
    if not offered:
        return
    locked = [name for name in offered if now.rules.of(name).change == "locked"]

    def take(chosen: list[str]) -> None:
        for name in offered:
            held = rules_now(draft.view, table).rules.of(name).change == "locked"
            if (name in chosen) != held:
                usual = now.base.rules.of(name).change
                released = "free" if usual == "locked" else usual
                change_rule(draft, table, name, change="locked" if name in chosen else released)

    bind.several(
        "Cannot change", offered, bind.to("recourse-fixed", locked, take, renewed=True),
        help="A press locks a feature, another one releases it.",
    )  # fmt: skip


def _changed(draft: Draft[RecourseView], table: Table, now: RulesNow) -> None:
    count = len(now.changed)
    said = f"{count} {'rule differs' if count == 1 else 'rules differ'} from “{now.base.title}”: {listed(now.changed)}."
    if not count:
        said = f"The rules differ from “{now.base.title}”."
    st.caption(literal(said))
    st.button(
        f"Back to “{now.base.title}”", key="recourse-back", icon=":material/undo:", type="tertiary",
        on_click=choose_set, args=(draft, now.base.name),
    )  # fmt: skip


# -- one feature -----------------------------------------------------------------------------------------


def _card(draft: Draft[RecourseView], table: Table, now: RulesNow, feature: Feature, text: str) -> None:
    """A feature: the person's value, whether it may change, and behind a button range and difficulty."""
    rule, name = now.rules.of(feature.name), feature.name
    with st.container(border=True, key=f"rule-card-{name.replace(' ', '-')}"):
        said = "" if rule == Rule(feature=name, change=rule.change) else rule_words(rule, feature).partition(", ")[2]
        more = f"<small>{escape(begun(said))}</small>" if said else ""
        st.html(f'<p class="ctviz-rule"><b>{escape(name)}</b> <span>{escape(text)}</span>{more}</p>')
        ways = {way: said for way, said in CHANGES.items() if feature.kind != "category" or way in ("free", "locked")}
        way = bind.to(
            f"rule-{name}", rule.change, lambda value: change_rule(draft, table, name, change=value), renewed=True
        )
        with st.container(horizontal=True, horizontal_alignment="distribute", gap="small"):
            bind.choice(f"{name} may change", ways, way, kind="buttons", words=ways, hidden=True)
            _details(draft, table, rule, feature)


def _details(draft: Draft[RecourseView], table: Table, rule: Rule, feature: Feature) -> None:
    name = feature.name
    box = st.popover(
        f"Range and difficulty of {name}",
        icon=":material/tune:",
        key=f"rule-more-{name}",
        on_change="rerun",
        help="Range and difficulty",
    )
    if not box.open:
        return
    with box:
        st.html(f"<h3>{escape(name)}</h3>")
        _range(draft, table, rule, feature)
        effort = bind.to(
            f"rule-effort-{name}", rule.effort or feature.effort,
            lambda value: change_rule(draft, table, name, effort=value), renewed=True,
        )  # fmt: skip
        bind.choice(
            "Difficulty", DIFFICULTIES, effort, kind="slider", words=difficulty_words,
            help="The harder a feature is to change, the less a plan asks for it.",
        )  # fmt: skip


def _range(draft: Draft[RecourseView], table: Table, rule: Rule, feature: Feature) -> None:
    name = feature.name
    if rule.change == "locked":
        st.caption("It is locked, so it has no range.")
        return

    def take(values: dict[str, Any]) -> None:
        change_rule(draft, table, name, **values)

    if feature.kind == "category":
        allowed = list(rule.levels or feature.allowed or feature.levels)
        levels = bind.to(
            f"rule-levels-{name}", allowed,
            lambda chosen: take({"levels": () if set(chosen) == set(feature.levels) else tuple(chosen)}), renewed=True,
        )  # fmt: skip
        bind.several_of_many("It may become", feature.levels, levels)
        return
    least, most = feature.shown_domain
    if feature.levels:
        named = (rule.low or feature.levels[0], rule.high or feature.levels[-1])
        ends = tuple(end if isinstance(end, str) else feature.text_of(end) for end in named)
        binding = bind.to(
            f"rule-range-{name}",
            ends,
            lambda pair: take(_ends(pair, (feature.levels[0], feature.levels[-1]))),
            renewed=True,
        )
        bind.choice("It may become", feature.levels, binding, kind="slider")
        return
    whole = feature.kind == "integer"
    for field, label, end in (("low", "At least", rule.low), ("high", "At most", rule.high)):
        binding = bind.to(
            f"rule-{field}-{name}", None if end is None else (int(end) if whole else float(end)),
            partial(_take_end, take, field), renewed=True,
        )  # fmt: skip
        unit = feature.display.unit or feature.display.prefix
        bind.number(
            f"{label}{f' ({unit})' if unit else ''}", binding, step=feature.spacing or feature.display.step,
            whole=whole, none=True, placeholder=text_of(feature, least if field == "low" else most),
        )  # fmt: skip


def _take_end(take: Callable[[dict[str, Any]], None], field: str, value: float | None) -> None:
    take({field: value})


def _ends(chosen: tuple[Any, Any], whole: tuple[Any, Any]) -> dict[str, Any]:
    """A range as a rule holds it: None for an end that is that of the data."""
    return {name: None if end == all_ else end for name, end, all_ in zip(("low", "high"), chosen, whole, strict=True)}


def _rest(draft: Draft[RecourseView], table: Table, now: RulesNow, names: Sequence[str], texts: dict[str, str]) -> None:
    features = {feature.name: feature for feature in table.schema.features}
    for name in names:
        _card(draft, table, now, features[name], texts[name])


# -- whatever else plans depend on -----------------------------------------------------------------------


def _more(draft: Draft[RecourseView], context: AdviceContext, now: RulesNow) -> None:
    table, adviser = context.adviser.table, context.adviser
    wanted = table.classes[table.favourable]

    def take_kind(kind: str) -> None:
        draft.look(score="rate" if kind == "rate" else 0.5)

    kinds = {"rate": "As many as in the data", "score": "A score of my own"}
    shown = "rate" if draft.view.score == "rate" else "score"
    bind.choice(
        f"Who is accepted as “{wanted}”", kinds, bind.to("recourse-tau", shown, take_kind, renewed=True), kind="list",
        words=kinds, help="A score says how sure a model is, from 0 to 100; it need not be a probability.",
    )  # fmt: skip
    if shown == "score":
        binding = bind.to(
            "recourse-score", round(100 * float(draft.view.score)), lambda v: draft.look(score=v / 100), renewed=True
        )
        bind.slider("Score that is needed", 5, 95, binding, step=5)
    else:
        said = in_words_of(context.adviser.table.name, f"Each model accepts {round(100 * adviser.rate)} of 100 people")
        st.caption(f"{said}, as many as are “{literal(wanted)}”.")
    bind.slider("Plans of each model, at most", 1, MOST_PLANS, bind.to_view(draft, "plans", "recourse-count", plan=0))
    others = [arm for arm in context.experiment.arms if arm.learns_from_examples]
    if len(others) > 1:
        bind.toggle(
            "Show all models beside each other",
            bind.to(
                "recourse-third", bool(draft.view.third), lambda on: draft.look(third=int(on), trained=0), renewed=True
            ),
        )
        if not draft.view.third:
            called = {arm.name: titles(context.experiment)[arm.name] for arm in others}
            arm = bind.to("recourse-arm", context.arms[1], lambda name: draft.look(arm=name, plan=0), renewed=True)
            bind.choice("Model beside the conventional one", called, arm, words=called)
    if len(table.unseen_pairs):
        apart = now.rules.unseen_pairs == "excluded"

        def take_pairs(on: bool) -> None:
            rules = rules_now(draft.view, table).rules
            pairs = "excluded" if on else "allowed"
            put_rules(draft, table, type(rules)(rules=rules.rules, links=rules.links, unseen_pairs=pairs))

        bind.toggle(
            "Keep apart what never occurs together", bind.to("recourse-pairs", apart, take_pairs, renewed=True),
            help="No plan then has two levels of two features that nobody in the data has together.",
        )  # fmt: skip
    for link in now.rules.links:
        st.caption(literal(link_sentence(link)))
