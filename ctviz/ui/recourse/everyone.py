"""Everyone: what both models ask of many people at once, by group; what their decisions rest on; what is proved.

What ships is there at once. Other rules are asked for by a press and computed in the background, for all sessions; who
comes back, or reloads the page, finds them.
"""

from __future__ import annotations

from html import escape

import streamlit as st

from ctviz.cache import Cache
from ctviz.catalogue import population as words
from ctviz.catalogue.advice import training_title
from ctviz.catalogue.rows import in_words_of
from ctviz.data.rules import Rules
from ctviz.experiments.everyone import three_models
from ctviz.experiments.population import Compared, Metric, Population, PopulationSettings, ThreeModels
from ctviz.experiments.reliance import Proxy
from ctviz.figures.recourse import everyone as figure
from ctviz.figures.recourse.sheet import PAPER
from ctviz.progress import duration
from ctviz.prose import begun, inside, percent, unbroken
from ctviz.studies.population import proved_enough, stored_population, whole_key
from ctviz.ui.kit import bind, messages, rights
from ctviz.ui.kit.draft import Draft
from ctviz.ui.kit.export import ExportFile, offer
from ctviz.ui.kit.frame import literal, live, page_title
from ctviz.ui.kit.kept import KEPT
from ctviz.ui.kit.service import service
from ctviz.ui.kit.tables import heads, numbers, row, scrolling
from ctviz.ui.kit.tables import table as html_table
from ctviz.ui.kit.tables import words as word_cells
from ctviz.ui.kit.theme import palette
from ctviz.ui.recourse.context import AdviceContext
from ctviz.ui.recourse.everyone_work import AskedOfEveryone, Work, work_of
from ctviz.ui.recourse.recourse_view import RecourseView

SHOWN: tuple[Metric, Metric] = ("effort", "distance")
"""The metrics of the two charts."""

POLL = 1.0
"""Seconds between two looks while everyone is being advised."""

WHICH = {1: training_title(True), 2: training_title(True, with_rules=True), 3: "All three"}
"""What is compared with the conventional model, as the link has it."""

WITH_RULES = "Counterfactual training is here the model that was trained with these rules."

PROOFS = 100
"""Of how many people plans are proved right after all have one: some seconds' work, or a minute's with a solver.
The rest by another press."""


def everyone(draft: Draft[RecourseView], context: AdviceContext, rules: Rules) -> None:
    """The section “Everyone”; drawn, and printed, once a person opens it, which the link remembers."""
    opened = bool(draft.view.everyone)
    with st.container(key="everyone" if opened else "everyone-closed"):
        st.subheader("Everyone", anchor=False)
        n = min(settings_of(context, rules).people, len(context.refused))
        bind.toggle(
            in_words_of(
                context.adviser.table.name,
                f"Compare both models over {'a thousand' if n == 1000 else f'{n:,}'} "
                f"{'person' if n == 1 else 'people'} whom both refuse",
            ),
            bind.to("recourse-everyone", opened, lambda on: draft.look(everyone=int(on)), renewed=True),
        )
        if opened and context.with_rules is not None:
            which = bind.to("recourse-everyone-which", draft.view.everyone, lambda n: draft.look(everyone=n))
            bind.choice(
                "Beside conventional training", WHICH, which, kind="buttons", words=WHICH,
                help="One model is compared with the conventional one over people whom these two refuse; all three "
                "over those whom all of them refuse.",
            )  # fmt: skip
        if opened:
            # What is known of the two models stays as it was before a third one came.
            _compared(draft.view.everyone, context.base or context, context.with_rules, rules)


def _compared(which: int, context: AdviceContext, with_rules: AdviceContext | None, rules: Rules) -> None:
    if with_rules is None or which == 1:
        _opened(context, rules)
    elif which == 2:
        _opened(with_rules, rules, WITH_RULES)
    else:
        _three(context, with_rules, rules)


def _opened(context: AdviceContext, rules: Rules, about: str = "") -> None:
    asked = AskedOfEveryone(context, settings_of(context, rules))
    found = known(asked, work_of(asked))
    if found is not None:
        _show(found, about)
    _background(asked, found)
    if found is not None:
        _take_home(context, found)


def _three(context: AdviceContext, with_rules: AdviceContext, rules: Rules) -> None:
    """All three models over the same people, once both of the others have been compared with the conventional one."""
    pair = []
    for one, title in ((context, WHICH[1]), (with_rules, WHICH[2])):
        asked = AskedOfEveryone(one, settings_of(one, rules))
        if (found := known(asked, work_of(asked))) is None:
            st.caption(f"First, {inside(title)} is compared with conventional training.")
            _background(asked, None)
            return
        pair.append((asked, found))
    (_, found_without), (_, found_with) = pair
    whole = whole_key(with_rules.adviser, settings_of(with_rules, rules))
    key = "three", found_without.run, found_with.run, whole, found_without.proved
    with st.spinner("The three models are compared."):  # seconds, once
        made: ThreeModels = _populations().get(
            (*key, found_with.proved), lambda: three_models(context.adviser.table, found_without, found_with)
        )
    _show_three(made, with_rules)
    for asked, found in pair:
        work = work_of(asked)
        if work is not None and work.progress.live:  # proofs that are still under way
            _background(asked, found)
            return


def _show_three(found: ThreeModels, with_rules: AdviceContext) -> None:
    page_title(in_words_of(found.data, words.three_headline(found)), level=3)
    st.caption(literal(in_words_of(found.data, " ".join(words.three_sentences(found)))))
    if not words.too_few(found):
        _charts(found)
    said = [words.planned_sentence(found), *words.groups_sentences(found)]
    _sentences("What the models ask", [in_words_of(found.data, one) for one in said])
    st.html(in_words_of(found.data, figure.three_to_paper(found, with_rules.adviser.run.key, with_rules.adviser.epoch)))
    st.html(f"<style>{PAPER}</style>")
    if not words.too_few(found):
        with st.expander("All numbers as a table", key="everyone-table"):
            scrolling(*(in_words_of(found.data, said) for said in ("All numbers of everyone", number_table(found))))
    _take_home(with_rules, found)


def settings_of(context: AdviceContext, rules: Rules) -> PopulationSettings:
    """What the page asks: the models that are shown, and the rules that hold."""
    return PopulationSettings(arms=context.arms, rules=rules, tau=context.adviser.tau, proofs=PROOFS)


def known(asked: AskedOfEveryone, work: Work | None) -> Population | None:
    """What is known by now; read once for all sessions, and anew when work on it has begun or ended."""
    if work is not None and work.result is not None:
        return work.result
    if not asked.stored:
        return None
    state = "" if work is None else work.progress.state
    kept = asked.key, state, work is not None and work.polished

    def read() -> Population | None:
        return stored_population(asked.context.adviser, asked.settings, service().store)

    found: Population | None = _populations().get(kept, read)
    return found


@st.cache_resource(show_spinner=False)
def _populations() -> Cache:
    return Cache(KEPT, size=lambda found: 400 * found.n + 4000 * len(found.groupings) + 200 * len(found.rows))


# -- what is shown ---------------------------------------------------------------------------------------


def _show(found: Population, about: str = "") -> None:
    page_title(in_words_of(found.data, words.headline(found)), level=3)
    if found.n:
        st.caption(literal(in_words_of(found.data, f"{words.asked_sentence(found)} {about}".strip())))
    if found.n and not words.too_few(found):
        _charts(found)
    if found.n:
        plain = [words.planned_sentence(found), words.checked_sentence(found), *words.proofs_sentences(found)]
        both = [in_words_of(found.data, said) for said in (*plain, *words.groups_sentences(found))]
        _sentences("What both models ask", both)
    _sentences("What their decisions rest on", words.reliance_sentences(found), words.PROXIES_HELP)
    st.html(in_words_of(found.data, figure.to_paper(found, about)))
    st.html(f"<style>{PAPER}</style>")  # Streamlit puts a style alone after those of the frame
    if found.n and not words.too_few(found):
        with st.expander("All numbers as a table", key="everyone-table"):
            scrolling(*(in_words_of(found.data, said) for said in ("All numbers of everyone", number_table(found))))
            if found.reliance is not None:
                scrolling("What decisions rest on", reliance_table(found))


def _charts(found: Compared) -> None:
    """Effort and distance, over all people and by group."""
    st.html(f'<p class="ctviz-limit-key">{escape(figure.key(len(found.arms)))}</p>')
    for cell, metric in zip(st.columns(2, gap="medium"), SHOWN, strict=True):
        told = words.POPULATION_METRICS[metric]
        with cell:
            title, help = (escape(in_words_of(found.data, said)) for said in (told.title, told.help))
            st.html(f'<p class="ctviz-chart-title" title="{help}">{title}</p>')
            st.plotly_chart(
                figure.chart(found, metric, palette()), key=f"everyone-{metric}", theme=None,
                alt=in_words_of(found.data, figure.described(found, metric)), config={"displayModeBar": False},
            )  # fmt: skip


def _sentences(title: str, said: list[str], help: str = "") -> None:
    items = "".join(f"<li>{unbroken(escape(sentence))}</li>" for sentence in said)
    note = f'<p class="ctviz-muted"><small>{escape(help)}</small></p>' if help else ""
    st.html(f"<h4>{escape(title)}</h4><ul>{items}</ul>{note}")


def number_table(found: Compared) -> str:
    """The numbers of the charts and the others, for all and for each group."""
    titles = [begun(title) for title in words.THREE[: len(found.arms)]]
    head = [*heads("People", "Number", number=False), *heads(*titles, words.DIFFERENCE_TITLES[len(titles)], "Counted")]
    rows = [
        row(begun(title), [*word_cells(metric), *numbers(*values, people)])
        for title, metric, values, people in figure.table_rows(found)
    ]
    return html_table(head, rows, width=46)


def reliance_table(found: Population) -> str:
    """What decisions rest on, feature by feature: with what it goes along, and its share before and after."""
    rest = found.reliance
    if rest is None:
        return ""
    titles = [begun(title) for title in words.TITLES]
    head = [*heads("Feature", "Goes along with", number=False), *heads("Association", *titles)]
    rows = [row(one.feature, [*word_cells(one.like), *numbers(*_cells(one))]) for one in rest.proxies]
    return html_table(head, rows, caption="Features that may change, and their share of the decisions", width=40)


def _cells(one: Proxy) -> list[str]:
    return [f"{one.association:.2f}", *(percent(share.value, 1) for share in one.shares)]


# -- in the background -----------------------------------------------------------------------------------


def _background(asked: AskedOfEveryone, found: Population | None) -> None:
    """What is under way, with how to stop it; or what may be begun."""
    messages.show()
    work = work_of(asked)
    if work is not None and work.progress.live:

        def pause() -> float | None:
            now = work_of(asked)
            if now is None or not now.progress.live:
                return None
            return POLL if found is not None or not now.polished else POLL / 2  # another pace runs the page again

        live(lambda: _progress(asked), pause)
        return
    if work is not None and work.progress.state == "failed":
        st.error(literal(work.progress.message), icon=":material/error:")
    if found is None:
        n = min(asked.settings.people, len(asked.context.refused))
        _press(
            asked,
            in_words_of(asked.context.adviser.table.name, f"Advise {n:,} people under these rules"),
            "Each gets a plan from both models, in the background; then plans are proved.",
        )
    elif not proved_enough(found, (whole := asked.proving_all()).settings):
        _press(whole, "Prove the plans of all of them", "The exact search for each plan, in the background.")


def _press(asked: AskedOfEveryone, label: str, help: str) -> None:
    took = f"About {duration(asked.seconds())} on an idle computer; what is done stays."
    rights.button(
        "everyone", label, key="everyone-compute", icon=":material/groups:", help=f"{help} {took}",
        on_click=_begin, args=(asked,),
    )  # fmt: skip


def _begin(asked: AskedOfEveryone) -> None:
    with messages.errors_as("error"):
        asked.begin()


def _progress(asked: AskedOfEveryone) -> None:
    work = work_of(asked)
    if work is None:
        return
    st.progress(work.progress.share, work.progress.words())
    rights.button(
        "everyone", "Stop; what is done stays", key="everyone-stop", icon=":material/stop:", on_click=work.cancel
    )


# -- to take home ----------------------------------------------------------------------------------------


def _take_home(context: AdviceContext, found: Compared) -> None:
    if not found.n:
        return
    stem = f"ctviz-everyone-{found.data}-{context.experiment.key[:8]}"
    files = [("Numbers (CSV)", lambda: found.table.to_csv(index=False), "csv", "text/csv", "groups")]
    if isinstance(found, Population):
        files.append(("All of it (JSON)", found.to_json, "json", "application/json", "groups"))
    with st.container(horizontal=True, key="everyone-files"):
        offer(
            ExportFile(label, content, f"{stem}.{ending}", mime, icon) for label, content, ending, mime, icon in files
        )
