"""Worker processes: no file of the user's hides a module of Python's from them, and a crash is told."""

import os
import subprocess
import sys
from pathlib import Path

from ctviz.imports import standard_library_first
from ctviz.jobs import STOPPED, JobManager
from tests import jobs_work as work
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[1]

HIDING = """
import os, sys
from pathlib import Path
from ctviz.jobs import JobManager

def hide(names):
    for name in names:
        Path(f"{name}.py").write_text(f"raise SystemExit('hidden: {name}')", encoding="utf-8")
    return dict(os.environ), list(sys.path)

def job_in_a_worker(imports):
    with JobManager(1, modules=(imports,)) as jobs:
        print(jobs.submit("one", print).wait().state)

# With the script elsewhere.
before = hide(sys.stdlib_module_names)
job_in_a_worker("ctviz.experiments.run")
assert (dict(os.environ), list(sys.path)) == before
# In a notebook, which has imported much before it puts its folder first.
for file in Path().iterdir():
    file.unlink()
sys.path[0] = ""
before = hide(sys.stdlib_module_names & sys.modules.keys())
job_in_a_worker("ctviz.experiments.store")
assert (dict(os.environ), list(sys.path)) == before
"""


def environment(**changes):
    return {name: value for name, value in (os.environ | changes).items() if name != "PYTHONSAFEPATH" and value}


def test_files_that_are_called_like_modules_of_python_stop_no_worker(tmp_path):
    """In the current folder, with the script elsewhere; and in that of a notebook or of the app, which comes first."""
    script, folder = tmp_path / "script.py", tmp_path / "a folder"
    script.write_text(HIDING, encoding="utf-8")
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, script],
        cwd=folder,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines().count("done"), done.stderr) == (0, 2, "")


def test_the_command_does_not_look_into_the_current_folder(tmp_path):
    for name in ("random", "queue", "signal", "numpy", "typer"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('hidden')", encoding="utf-8")
    command = [sys.executable, "-m", "ctviz", "presets"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(PYTHONPATH=str(ROOT)), capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "moons" in done.stdout


def test_workers_have_the_ctviz_of_the_current_folder_if_that_is_their_parents(tmp_path):
    code = (
        "from ctviz.jobs import JobManager; from tests import jobs_work\n"
        f"with JobManager(1) as jobs: jobs.submit('where', jobs_work.where, {str(tmp_path / 'where')!r}).wait()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(PYTHONPATH=""), check=True)
    assert (tmp_path / "where").read_text(encoding="utf-8").strip() == str(ROOT / "ctviz" / "__init__.py")


def test_the_standard_library_comes_first_and_all_else_keeps_its_order(monkeypatch):
    library, extensions = os.__file__.rpartition("/")[0], "/any/lib-dynload"
    monkeypatch.setattr(sys, "path", ["", "/app", library, Path("/odd"), extensions, f"{library}/site-packages"])
    standard_library_first()
    assert sys.path == [library, extensions, "", "/app", Path("/odd"), f"{library}/site-packages"]


def test_a_worker_that_crashes_says_so_and_where(tmp_path):
    with JobManager(1, log=tmp_path / "jobs.log") as jobs:
        ended = jobs.submit("crash", work.crash).wait(PATIENCE)
        assert (ended.state, ended.message) == ("failed", "The worker process crashed (SIGSEGV).")
        told = (tmp_path / "crashes.log").read_text(encoding="utf-8")
        assert "Segmentation fault" in told and "in crash" in told
        killed = jobs.submit("kill", work.kill_itself).wait(PATIENCE)
        assert (killed.state, killed.message) == ("failed", STOPPED)
