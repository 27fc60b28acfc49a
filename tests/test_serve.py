"""``ctviz serve`` wherever it is started: it starts, asks nothing, leaves the user's folders alone, calls nobody."""

import asyncio
import os
import pty
import stat
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser
from streamlit import net_util
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.web import cli
from streamlit.web.server import server_util

import ctviz.ui.kit.frame
from ctviz.bench.streamlit_client import Visitor
from ctviz.cli import commands
from ctviz.data.tables.reading import MOST_BYTES
from ctviz.ui import launch as launching
from ctviz.ui.launch import launch
from tests.browser.driving import ROOT, begin, stop
from tests.elsewhere import knock, noting_proxy
from tests.waiting import free_port, until

SERVE = [sys.executable, "-P", "-m", "ctviz", "serve"]
ASKED = ("Email", "Welcome to Streamlit", "usage statistics", "skills", "External URL")


@contextmanager
def served(place, *command, url="http://127.0.0.1:{port}", environment=None, **options):
    """A server that answers, with a home folder of its own; afterwards it is ended."""
    port = free_port()
    words = [word.format(port=port) for word in command]
    home = place / "home"
    home.mkdir(exist_ok=True)
    variables = {"HOME": str(home), **(environment or {})}
    server = begin(words, url.format(port=port), place / "store", place / "log", variables, **options)
    try:
        yield server
    finally:
        stop(server.process)


# -- the first start ----------------------------------------------------------------------------------


@pytest.fixture
def screen(tmp_path):
    """Variables of a screen, and a browser that notes what it is asked to open."""
    programs, opened = tmp_path / "bin", tmp_path / "opened"
    programs.mkdir()
    for name in ("xdg-open", "open"):
        (programs / name).write_text(f'#!/bin/sh\necho "$1" > "{opened}"\n', encoding="utf-8")
        (programs / name).chmod(stat.S_IRWXU)

    def address():
        until(lambda: opened.exists() and opened.read_text(encoding="utf-8").endswith("\n"), "a browser's start")
        return opened.read_text(encoding="utf-8").strip()

    return {"DISPLAY": ":99", "PATH": str(programs)}, address


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()
    }


REFUSED = {".streamlit/credentials.toml": '[general]\nemail = "a@b@c"\n'}
WANTED = {".streamlit/config.toml": "[server]\nshowEmailPrompt = true\n"}
HOMES = {
    "empty": {},
    "known to Streamlit": {".streamlit/credentials.toml": '[general]\nemail = ""\n'},
    "credentials cut short": {".streamlit/credentials.toml": "[general"},
    "credentials without an address": {".streamlit/credentials.toml": ""},
    "credentials that Streamlit refuses": REFUSED,
    "settings that want them": WANTED,
}


def furnish(home, found):
    home.mkdir(exist_ok=True)
    for name, text in found.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")


def test_a_first_start_at_a_terminal_asks_nothing_opens_the_browser_and_calls_nobody(tmp_path, screen, elsewhere):
    """In the worst of all homes; other ones, and no terminal, are in the next test."""
    (variables, opened), (proxy, requests) = screen, elsewhere
    found = {**REFUSED, **WANTED}
    furnish(tmp_path / "home", found)
    ours, theirs = pty.openpty()
    terminal = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    with served(tmp_path, *SERVE, "--port", "{port}", environment={**variables, **proxy}, **terminal) as server:
        assert opened() == server.url
        assert files(tmp_path / "home") == found
        foreign_pages_are_refused(server)
        said = os.read(ours, 10_000).decode()
    os.close(ours)
    os.close(theirs)
    assert f"Starting ctviz at {server.url};" in said
    assert not [word for word in ASKED if word in said]
    assert not requests


def test_whatever_is_found_in_the_home_nothing_is_asked_before_it_serves(tmp_path):
    """Up to where Streamlit would begin to serve: a process for each home; what takes long to import they share."""
    homes = {name: tmp_path / str(number) for number, name in enumerate(HOMES)}
    for name, home in homes.items():
        furnish(home, HOMES[name])
    code = """
import os, sys
from streamlit.web import bootstrap
from ctviz.ui import launch as launching
from ctviz.ui.launch import launch

bootstrap.run = lambda *_: print("serves", flush=True)
launching.load_ahead = lambda: None
for home in sys.argv[1:]:
    child = os.fork()
    if not child:
        os.environ["HOME"] = home
        launch("app.py")
    if os.waitpid(child, 0)[1]:
        sys.exit(f"{home} failed")
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *map(str, homes.values())],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, encoding="utf-8", check=False, cwd=ROOT,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "serves\n" * len(homes))
    assert {name: files(home) for name, home in homes.items()} == HOMES


def test_nor_does_streamlit_run_ask_nor_call_anybody_at_every_address(tmp_path, screen, elsewhere):
    """At the address of this computer alone it starts by itself, as the test of its configuration says."""
    (variables, opened), (proxy, requests) = screen, elsewhere
    options = ["--server.address", "0.0.0.0", "--server.port", "{port}"]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    environment = {**variables, **proxy}
    with served(tmp_path, *command, environment=environment, stdin=subprocess.DEVNULL) as server:
        assert opened() == server.url.replace("127.0.0.1", "localhost")
        assert not files(tmp_path / "home")
        said = server.log.read_text(encoding="utf-8")
    assert not [word for word in ASKED if word in said]
    assert not requests


def test_a_user_without_a_home_is_served(tmp_path, monkeypatch):
    """As in a container whose user has no entry among the users: Python finds no home there."""
    found = {}
    monkeypatch.setattr(Path, "home", classmethod(lambda _: Path(os.environ.get("HOME") or no_home())))
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(launching, "load_ahead", lambda: None)
    monkeypatch.setattr(cli, "main", lambda words, **_: found.update(words=words, home=Path.home()))
    launch("app.py", "--server.port", "1")
    assert found == {"words": ["run", "app.py", "--server.port", "1"], "home": Path("/")}


def no_home():
    raise RuntimeError("Could not determine home directory.")


# -- nothing leaves the machine -----------------------------------------------------------------------


@pytest.fixture
def elsewhere():
    with noting_proxy() as found:
        yield found


def test_the_proxy_of_these_tests_notes_what_leaves(elsewhere):
    variables, requests = elsewhere
    code = "from streamlit import net_util; net_util.get_external_ip()"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **variables}, check=True, capture_output=True)
    assert [b"checkip" in request for request in requests] == [True, True]


NAMES = ("random", "queue", "types", "signal", "statistics", "csv")
ORIGINS = ("http://elsewhere.example", "https://203.0.113.7:8501", "http://[2001:db8::1]", "null")


def foreign_pages_are_refused(server) -> None:
    port = int(urlsplit(server.url).port)
    for origin in ORIGINS:
        assert " 403 " in knock(port, origin), origin
    for origin in (f"http://127.0.0.1:{port}", "http://localhost:3000"):
        assert " 101 " in knock(port, origin), origin


def test_nor_does_it_at_every_address_nor_do_files_named_like_modules_of_python_harm_it(tmp_path, elsewhere):
    """Where it is started there are such files; at the address of this computer alone it is started above."""
    variables, requests = elsewhere
    place = tmp_path / "a folder with spaces"
    place.mkdir()
    for name in NAMES:
        (place / f"{name}.py").write_text("raise SystemExit('not mine')\n", encoding="utf-8")
    command = [*SERVE, "--headless", "--address", "0.0.0.0", "--port", "{port}"]
    with served(tmp_path, *command, environment=variables, cwd=place) as server:
        foreign_pages_are_refused(server)
        assert "Traceback" not in server.log.read_text(encoding="utf-8")
    assert not requests


def test_once_a_page_was_shown_streamlit_run_calls_nobody_either(monkeypatch):
    assert ctviz.ui.kit.frame.ask_nobody  # imported by every page
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda *_, **__: pytest.fail("a request"))
    for origin in ORIGINS:
        assert not server_util.is_url_from_allowed_origins(origin)


def test_what_is_sent_by_hand_fills_no_memory(monkeypatch):
    monkeypatch.setattr(launching, "LARGEST_UPLOAD", 100)
    monkeypatch.setattr(launching, "MOST_UPLOADED", 150)
    assert ctviz.ui.kit.frame.bound_uploads  # called where any page is imported
    files = MemoryUploadedFileManager("/upload")

    def send(session: str, name: str, size: int) -> None:
        files.add_file(session, UploadedFileRec(name, name, "", bytes(size)))

    send("ann", "a", 60)
    send("ann", "b", 40)
    send("ann", "c", 50)  # in the place of the first one
    assert [file.file_id for file in files.get_files("ann", ["a", "b", "c"])] == ["b", "c"]
    with pytest.raises(HTTPException, match="413"):
        send("bob", "d", 70)
    send("bob", "e", 60)
    assert len(files.get_files("bob", ["d", "e"])) == 1


def test_uploads_pass_through_no_temporary_file():
    assert ctviz.ui.kit.frame.keep_uploads_in_memory  # called where any page is imported
    assert MultiPartParser.spool_max_size >= (2 << 20) + MOST_BYTES
    allowed = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["server"][
        "maxUploadSize"
    ]
    assert MOST_BYTES < allowed << 20 <= MultiPartParser.spool_max_size


# -- names in the folder ------------------------------------------------------------------------------


def test_files_named_like_modules_of_python_do_no_harm_beside_the_app(tmp_path):
    """What Streamlit puts where Python looks for modules, asked where it would begin to serve."""
    for name in ("app", *NAMES):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not mine')\n", encoding="utf-8")
    code = f"""
import importlib.util, sys
from streamlit.web import bootstrap
from ctviz.ui import launch as launching
from ctviz.ui.launch import launch
def run(script, *_):
    bootstrap._fix_sys_path(script)
    print([importlib.util.find_spec(name).origin for name in {NAMES}], sys.path)
bootstrap.run = run
launch({str(tmp_path / "app.py")!r})
"""
    command = [sys.executable, "-P", "-c", code]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run(
        command, env=variables, capture_output=True, encoding="utf-8", check=True, cwd=tmp_path
    ).stdout
    found, _, path = said.partition("] ")
    assert str(tmp_path) not in found
    assert str(tmp_path) in path, "what belongs to the app is still found"


# -- a class ------------------------------------------------------------------------------------------


def network_address() -> str | None:
    """This computer's address in a network, by another way than ctviz's: that of a host name, or of its interfaces."""
    found = subprocess.run(["hostname", "-I"], capture_output=True, encoding="utf-8", check=False).stdout.split()
    return next((address for address in found if ":" not in address and not address.startswith("127.")), None)


def test_a_class_finds_it_at_the_address_of_the_network_and_under_no_other_name(tmp_path, elsewhere):
    variables, requests = elsewhere
    if (known := network_address()) is None:
        pytest.skip("this computer is in no network")
    command = [*SERVE, "--headless", "--class", "--address", known, "--port", "{port}"]
    with served(tmp_path, *command, environment=variables) as server:
        port = int(urlsplit(server.url).port)
        url = f"http://{known}:{port}"
        assert f"The class finds it at {url};" in server.log.read_text(encoding="utf-8")
        assert urllib.request.urlopen(f"{url}/_stcore/health").read() == b"ok"
        for name in (known, "localhost", "127.0.0.1"):
            assert " 101 " in knock(port, f"http://{name}:{port}", host=f"{name}:{port}", at=known), name
        assert " 403 " in knock(port, f"http://rebound.example:{port}", host=f"rebound.example:{port}")
        for origin in ORIGINS:
            assert " 403 " in knock(port, origin, host=f"{known}:{port}"), origin
        with ThreadPoolExecutor(1) as thread:  # browser tests before this one leave a loop running in this thread
            assert thread.submit(asyncio.run, may_start_sweeps(url)).result() == (False, "You are in a class")
            assert thread.submit(asyncio.run, may_start_sweeps(server.url)).result() == (True, "")
    assert not requests


async def may_start_sweeps(url):
    """Whether who comes by this address can press the button of a new sweep, and whether they are told of the class."""
    async with Visitor(url) as visitor:
        received = await visitor.visit("tradeoffs", "grid.tau=0.5,0.9&seeds=1")
        assert not received.errors
        told = [words for text in visitor.texts() for words in ("You are in a class",) if words in text]
        return not visitor.proto("trade-run").disabled, "".join(told)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--base-path", "tools"], "behind a proxy the teacher is not known"),
        (["--address", "example.org"], "with --class, an address of this computer"),
        (["--address", "203.0.113.7"], "an address of this computer"),
    ],
)
def test_a_class_needs_an_address_of_this_computer_and_no_proxy(options, said):
    found = subprocess.run([*SERVE, "--class", *options], capture_output=True, encoding="utf-8", cwd=ROOT, check=False)
    assert found.returncode and said in found.stderr.replace("\n", " ")
    assert "Traceback" not in found.stderr


def test_without_a_class_only_this_computer_is_served_and_nobody_is_a_student(monkeypatch):
    started = []
    monkeypatch.setenv("CTVIZ_CLASS", "http://192.168.1.20:8501")  # left over
    monkeypatch.setattr(os, "execv", lambda _, command: started.append((command, os.environ.get("CTVIZ_CLASS"))))
    commands.serve(port=free_port(), headless=True)
    command, left = started[0]
    assert left is None
    assert command[command.index("--server.address") + 1] == "127.0.0.1"
    assert "--server.allowedHosts" not in command
