"""Actionability: what becomes of boundaries and advice where features are locked."""

from ctviz.ui.actionability.panel import PARTS, open_draft, panel, parts
from ctviz.ui.actionability.story import story
from ctviz.ui.kit.elsewhere import send_on
from ctviz.ui.kit.frame import columns, page
from ctviz.ui.kit.pages import ACTIONABILITY
from ctviz.ui.kit.service import service
from ctviz.ui.kit.training import say_problems
from ctviz.ui.kit.watch import watch

draft = open_draft()

with page(ACTIONABILITY, draft) as projecting:
    send_on(draft, "plane", PARTS[draft.view.part].first)
    shared = service()
    if projecting:
        watch(shared, draft, story(draft))
    else:
        say_problems(shared, draft)
        parts(draft)
        main, controls = columns(0.23)
        with main:
            watch(shared, draft, story(draft))
        with controls:
            panel(shared, draft)
