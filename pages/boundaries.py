"""Boundaries: how a conventional and a counterfactually trained model come to see the same data."""

from ctviz.ui.boundaries.panel import panel
from ctviz.ui.kit.draft import current
from ctviz.ui.kit.elsewhere import send_on
from ctviz.ui.kit.frame import columns, page
from ctviz.ui.kit.pages import BOUNDARIES
from ctviz.ui.kit.service import service
from ctviz.ui.kit.training import say_problems
from ctviz.ui.kit.watch import below, watch

draft = current(BOUNDARIES)

with page(BOUNDARIES, draft) as projecting:
    send_on(draft, "plane", "moons")
    shared = service()
    if projecting:
        watch(shared, draft)
    else:
        say_problems(shared, draft)
        main, controls = columns(0.21)
        with main:
            watch(shared, draft)
        with controls:
            panel(shared, draft)
        below(shared)
