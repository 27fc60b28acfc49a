"""The list of sweeps: no two under the same words."""

from __future__ import annotations

from ctviz.experiments.protocol import Protocol
from ctviz.experiments.store import Store, open_store
from ctviz.studies.sweeps.catalogue import keep_sweep, list_sweeps
from ctviz.studies.sweeps.declaration import Axis, Sweep
from ctviz.ui.tradeoffs.sweep_list import names
from tests.studies.sweeps.small import PROTOCOL, base, small


def test_a_sweep_that_ships_has_a_name_that_its_control_has_room_for(tmp_path) -> None:
    words = names(list_sweeps(open_store(tmp_path)))
    assert "Moons: λ_div × λ_adv × λ_reg" in words.values()
    assert max(map(len, words.values())) <= 40, words


def test_sweeps_of_the_same_shape_are_told_apart(tmp_path) -> None:
    store = Store(tmp_path)
    values = small({"tau": (0.5, 0.9)})
    others = small({"tau": (0.5, 0.7)})
    rounds = small({"tau": (0.5, 0.7)}, protocol=Protocol(**{**PROTOCOL.model_dump(), "rounds": 5}))
    longer = small({"tau": (0.5, 0.9)}, base=base(training__epochs=4))
    slower = small({"tau": (0.5, 0.9)}, base=base(training__lr=0.01))
    alone = small({"generator": ("eccco", "generic")})
    wide = small({"tau": tuple(0.5 + i / 100 for i in range(20))})
    drawn = Sweep(base=base(), axes=(Axis(setting="tau", low=0.5, high=0.9),), sample="random", count=2)
    swept = (values, others, rounds, longer, slower, alone, wide, drawn)
    for each in swept:
        keep_sweep(each, store)
    words = names(list_sweeps(store), {alone.key})
    assert len(set(words.values())) == len(swept)
    assert words[alone.key] == "Moons: search (2 cells, yours, running)"
    assert words[wide.key] == "Moons: τ (20 cells, yours)"
    assert words[drawn.key] == "Moons: τ 0.5 to 0.9 (2 cells, yours)"
    assert words[rounds.key] == "Moons: τ 0.5, 0.7 (2 cells, 60 samples, 3 epochs, 5 rounds, yours)"
    assert words[longer.key] == "Moons: τ 0.5, 0.9 (2 cells, 60 samples, 4 epochs, 4 rounds, yours)"
    assert words[values.key] == f"Moons: τ 0.5, 0.9 (2 cells, 60 samples, 3 epochs, 4 rounds, yours) · {values.key}"
    assert words[slower.key].endswith(slower.key)
