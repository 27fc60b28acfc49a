"""What C code prints while a solve lasts goes nowhere; what Python prints meanwhile arrives, from any thread."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import textwrap

import pytest

from ctviz.counterfactuals.exact import quiet

pytestmark = pytest.mark.skipif(
    sys.platform not in quiet._STDOUT, reason="The C library's stream has a known name on Linux and macOS alone."
)


def test_c_output_is_silenced_and_pythons_is_not() -> None:
    script = """
        import ctypes, threading
        from ctviz.counterfactuals.exact.quiet import without_c_output

        library = ctypes.CDLL(None)
        def say(text):
            library.puts(text.encode())
            library.fflush(None)

        inside, leave = threading.Event(), threading.Event()
        def stay():
            with without_c_output():
                inside.set()
                leave.wait()

        say("before")
        other = threading.Thread(target=stay)
        other.start()
        inside.wait()
        with without_c_output():
            say("hidden twice")
            print("from Python", flush=True)
        say("still hidden")
        leave.set()
        other.join()
        say("after")
        with without_c_output():
            say("hidden again")
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        env=environment,
    )
    assert run.stdout.split("\n") == ["before", "from Python", "after", ""]


def test_the_stream_is_given_back_when_a_solve_fails() -> None:
    variable = ctypes.c_void_p.in_dll(ctypes.CDLL(None), quiet._STDOUT[sys.platform])
    before = variable.value
    with pytest.raises(ZeroDivisionError), quiet.without_c_output():
        assert variable.value != before
        1 / 0  # noqa: B018
    assert variable.value == before
