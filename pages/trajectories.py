"""Trajectories: how the search for a counterfactual goes, step by step, in every model of a run."""

from ctviz.ui.kit.draft import current
from ctviz.ui.kit.elsewhere import send_on
from ctviz.ui.kit.frame import columns, page
from ctviz.ui.kit.pages import BOUNDARIES, TRAJECTORIES
from ctviz.ui.kit.service import service
from ctviz.ui.kit.training import say_problems
from ctviz.ui.trajectories.export import share
from ctviz.ui.trajectories.picture import below, explore
from ctviz.ui.trajectories.sidebar import sidebar
from ctviz.ui.trajectories.tracks_view import FIRST, TracksView, check

draft = current(TRAJECTORIES, TracksView, follows=BOUNDARIES, first=FIRST)

with page(TRAJECTORIES, draft) as projecting:
    send_on(draft, "plane", FIRST["preset"])
    shared = service()
    check(draft)
    if projecting:
        explore(shared, draft)
    else:
        say_problems(shared, draft)
        main, controls = columns(0.21)
        with main:
            explore(shared, draft)
        with controls:
            sidebar(shared, draft)
            share(shared, draft)
        below(shared)
