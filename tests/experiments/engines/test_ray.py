"""Tasks on a Ray cluster of two nodes, both on this machine."""

from __future__ import annotations

import _thread
import importlib
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import pytest

from ctviz.errors import ConfigError, StoreError
from ctviz.experiments.engines import payload
from ctviz.experiments.engines import ray as engine_module
from ctviz.experiments.engines.ray import RayEngine
from ctviz.experiments.engines.task import is_done
from ctviz.experiments.engines.tasks import read_task
from ctviz.experiments.store import Store
from tests.elsewhere import noting_proxy
from tests.experiments.engines.tasks import assert_same_results, tasks
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).parents[3]
NODE = {
    "num_cpus": 1, "object_store_memory": 80 * 2**20,
    # processes that take seconds to start, for what no task needs
    "include_dashboard": False, "include_log_monitor": False, "no_monitor": True,
}  # fmt: skip


def never():
    return False


@pytest.fixture(scope="module")
def surroundings():
    """Ray keeps nothing in the home folder and asks nobody; its folder is short, for paths of sockets must be."""
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    patch.setenv("RAY_AUTH_MODE", "disabled")  # else a token is kept in the home folder
    for early in ("enable_worker_prestart", "prestart_worker_first_driver"):
        patch.setenv(f"RAY_{early}", "0")  # a worker takes seconds of processor time to start, used or not
    patch.delenv("RAY_ADDRESS", raising=False)
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        patch.setenv("TMPDIR", folder)
        pytest.importorskip("ray", reason="Ray is not installed: pip install 'ctviz[ray]'")
        yield Path(folder)
    patch.undo()


@pytest.fixture(scope="module")
def cluster(surroundings):
    """Two nodes of one processor each, which nobody else can reach."""
    from ray.cluster_utils import Cluster

    with engine_module._this_machine_alone():
        cluster = Cluster(initialize_head=True, head_node_args=NODE)
        cluster.add_node(**NODE)
        yield cluster
        cluster.shutdown()


@pytest.fixture
def address(cluster):
    return cluster.address


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """What the same tasks give without Ray."""
    store = Store(tmp_path_factory.mktemp("local"))
    for task in tasks(6):
        task.compute(store, "cpu", never)
    return store


def busy_workers(node):
    """Process ids of the workers of a node that are computing a task."""
    raylet = node.all_processes["raylet"][0].process.pid
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            title = (path / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if parent == raylet and title.startswith(b"ray::ctviz task"):
            found.append(int(path.name))
    return found


class Harm:
    """A ``cancelled`` that never is, and that does something to each of some nodes, one by one, once it is at work."""

    def __init__(self, *left):
        self.left = list(left)

    def __call__(self):
        if self.left and (found := busy_workers(self.left[0][0])):
            self.left.pop(0)[1](found)
        return False


def check(outcomes, wanted, store, local):
    assert [outcome.message for outcome in outcomes] == [""] * len(wanted)
    assert sorted(outcome.task.key for outcome in outcomes) == sorted(task.key for task in wanted)
    for task in wanted:
        assert is_done(task, store)
        assert_same_results(task, local, store)


def counting_losses(monkeypatch):
    lost, found = engine_module._Dispatch._lost, []

    def counted(self, submission, reason):
        found.append(reason)
        return lost(self, submission, reason)

    monkeypatch.setattr(engine_module._Dispatch, "_lost", counted)
    return found


def test_neither_a_killed_worker_nor_a_lost_node_loses_anything(cluster, address, local, tmp_path, monkeypatch):
    [second] = [node for node in cluster.list_all_nodes() if node is not cluster.head_node]
    wanted, store, losses = tasks(5), Store(tmp_path), counting_losses(monkeypatch)
    harm = Harm(
        (cluster.head_node, lambda found: [os.kill(worker, signal.SIGKILL) for worker in found]),
        (second, lambda found: cluster.remove_node(second, allow_graceful=False)),
    )
    check(list(RayEngine(address).run(wanted, store, harm)), wanted, store, local)
    assert not harm.left
    assert len(losses) >= 2
    again = RayEngine(address).run(wanted, store, never)  # needs no cluster
    assert [(outcome.message, outcome.seconds) for outcome in again] == [("", 0.0)] * 5


def test_a_connection_of_the_caller_is_used_and_kept_and_what_runs_there_ends_when_cancelled(
    cluster, address, surroundings, tmp_path, monkeypatch
):
    import ray

    monkeypatch.setattr(engine_module, "_GRACE", PATIENCE)  # nobody is killed on a busy machine

    def busy():
        return [worker for node in cluster.list_all_nodes() for worker in busy_workers(node)]

    ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    try:
        long = tasks(2, **{"training.epochs": 10_000, "evaluation.every": 1000})
        before = set(surroundings.glob("ctviz-task-*"))  # of workers that were killed
        # First on workers that have just begun to import, which they must not be spoiled by; then on ready ones.
        for attempt in range(2):
            store = Store(tmp_path / f"{attempt}")
            assert list(RayEngine(address).run(long, store, lambda: bool(busy()))) == []
            until(lambda: not busy(), "the end of what was cancelled")
            until(lambda: set(surroundings.glob("ctviz-task-*")) <= before, "the removal of what it had begun")
            assert list(store.list()) == []
        [outcome] = RayEngine().run(tasks(1), Store(tmp_path / "a"), never)
        assert outcome.message == ""
        assert ray.is_initialized()
        with pytest.raises(ConfigError, match=r"address is '127\.0\.0\.1:1'; allowed: .*, with which this process"):
            list(RayEngine("127.0.0.1:1").run(tasks(1), Store(tmp_path / "b"), never))
    finally:
        ray.shutdown()


def test_without_an_address_one_is_started_for_this_machine_alone_that_asks_nobody(surroundings, local, tmp_path):
    program = """
import sys
from pathlib import Path
from ctviz.experiments.engines.ray import RayEngine
from ctviz.experiments.store import Store
from tests.experiments.engines.tasks import tasks

seen = set()

def look():
    import ray
    if ray.is_initialized():
        seen.update(node["NodeManagerAddress"] for node in ray.nodes())
        seen.add(ray.get_runtime_context().gcs_address.rpartition(":")[0])
    return False

outcomes = RayEngine(workers=1).run(tasks(1), Store(Path(sys.argv[1])), look)
print([outcome.message for outcome in outcomes], seen, sys.modules["ray"].is_initialized())
"""
    home, store = tmp_path / "home", Store(tmp_path / "store")
    home.mkdir()
    with noting_proxy() as (variables, requests):
        environment = {**os.environ, **variables, "HOME": str(home), "PYTHONPATH": str(ROOT)}
        del environment["RAY_AUTH_MODE"]  # it keeps no token in the home folder by itself
        command = [sys.executable, "-c", program, str(store.root)]
        found = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8"
        )
    assert found.stdout == "[''] {'127.0.0.1'} False\n", found.stderr
    assert not (home / ".ray").exists()
    assert not requests
    [task] = tasks(1)
    assert is_done(task, store)
    assert_same_results(task, local, store)


# -- without a cluster ------------------------------------------------------------------------------------


def test_no_cluster_at_the_address_is_told_at_once(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ctviz[ray]'")
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with pytest.raises(ConfigError, match=f"address is '127.0.0.1:{port}'; allowed: host:port of a Ray cluster that"):
        list(RayEngine(f"127.0.0.1:{port}").run(tasks(1), Store(tmp_path), never))


@pytest.mark.parametrize("answer", [b"", b"-ERR unknown command\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_something_else_at_the_address_is_no_cluster(answer, monkeypatch):
    monkeypatch.setattr(engine_module, "_GREETING_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            line, _ = server.accept()
            with line:
                line.sendall(answer)
                line.recv(1000)
                closed.wait(PATIENCE)

        closed = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(ConfigError, match="that answers"):
            engine_module._greet(f"127.0.0.1:{server.getsockname()[1]}")
        closed.set()
        thread.join()


@pytest.mark.parametrize(("answers", "alone"), [("192.0.2.9:6379", False), ("127.0.0.1:6379", True)])
def test_this_machine_is_asked_where_its_cluster_listens(answers, alone, monkeypatch):
    """Ray takes 127.0.0.1 for the machine's address in the network, and would wait there for a minute."""
    constants = pytest.importorskip("ray._private.ray_constants", reason="Ray is not installed")

    class Ray:
        def __init__(self):
            self.util, self.seen = self, []

        def get_node_ip_address(self):
            return "192.0.2.9"

        def init(self, address):
            self.seen.append((address, not constants.ENABLE_RAY_CLUSTER))

    def greet(address):
        if address != answers:
            raise ConfigError("address", address, "one that answers")

    monkeypatch.setattr(engine_module, "_greet", greet)
    monkeypatch.setattr(constants, "ENABLE_RAY_CLUSTER", True)
    ray = Ray()
    engine_module._connect(ray, "127.0.0.1:6379", {})
    assert ray.seen == [("127.0.0.1:6379", alone)]
    assert constants.ENABLE_RAY_CLUSTER
    with pytest.raises(ConfigError):
        engine_module._connect(ray, "127.0.0.1:6378", {})


@pytest.mark.parametrize("address", ["", "ray-host", "ray-host:", "http://ray-host:6379", "a b:1", "host:6379/x"])
def test_an_address_that_cannot_be_one_is_refused_at_once(address):
    with pytest.raises(ConfigError, match="address is"):
        RayEngine(address)


@pytest.mark.parametrize(("field", "value"), [("retries", -1), ("most_waiting", 0), ("workers", 0)])
def test_settings_that_are_not_allowed(field, value):
    with pytest.raises(ConfigError, match=f"{field} is {value}"):
        RayEngine(**{field: value})


def test_ray_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'ctviz\[ray\]'"):
        list(RayEngine().run(tasks(1), Store(tmp_path), never))


def test_a_worker_without_ctviz_says_so(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ctviz[ray]'")
    from ray import cloudpickle

    task = tmp_path / "task"
    task.write_bytes(cloudpickle.dumps(engine_module._task()))
    program = (
        f"import sys; sys.path.append({sysconfig.get_path('purelib')!r}); sys.modules['ctviz'] = None\n"
        f"from ray import cloudpickle; task = cloudpickle.load(open({str(task)!r}, 'rb'))\n"
        "print(task('', {}, {'ctviz': '7'})[0])"
    )
    found = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert "cannot use ctviz" in found.stdout
    assert "install ctviz 7 on every node of the cluster" in found.stdout


@pytest.fixture
def on_worker(monkeypatch):
    """A task whose task is a function of ``cancelled``, in this process."""

    def call(task):
        stand_in = SimpleNamespace(compute_payload=lambda text, files, versions, cancelled: task(cancelled))
        monkeypatch.setitem(sys.modules, "ctviz.experiments.engines.payload", stand_in)
        return engine_module._task()("", {}, {"ctviz": "7"})

    return call


def test_an_interrupt_amid_the_work_ends_it_and_what_had_been_set_comes_back(on_worker):
    def task(cancelled):
        assert not cancelled()
        _thread.interrupt_main()
        pytest.fail("it went on")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        on_worker(task)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("nested", [False, True])
def test_an_interrupt_amid_an_import_waits_for_its_end(nested, on_worker, tmp_path, monkeypatch):
    """A library like torch that is interrupted there cannot be imported again in the same process."""
    monkeypatch.syspath_prepend(tmp_path)
    text = "import _thread\ndef work():\n    _thread.interrupt_main()\n    return 1\nwhole = work()\n"
    (tmp_path / "interrupted_inner.py").write_text(text, encoding="utf-8")
    (tmp_path / "interrupted_outer.py").write_text("from interrupted_inner import whole\n", encoding="utf-8")
    name = "interrupted_outer" if nested else "interrupted_inner"

    def task(cancelled):
        seen.append((importlib.import_module(name).whole, cancelled()))
        return payload.Payload("", {}, 0.0)

    seen = []
    try:
        assert on_worker(task) == ("", {}, 0.0)
    except KeyboardInterrupt:
        pytest.fail("the import was broken off")
    finally:
        for name in ("interrupted_inner", "interrupted_outer"):
            sys.modules.pop(name, None)
    assert seen == [(1, True)]


def test_what_was_cancelled_amid_an_import_does_not_begin(tmp_path, monkeypatch):
    monkeypatch.setattr(payload.tempfile, "tempdir", str(tmp_path))
    task = tasks(1, **{"training.epochs": 10_000, "evaluation.every": 1000})[0]
    received = payload.compute_payload(task.to_json(), {}, payload.versions(), lambda: True)
    assert (received.message, received.files) == ("", {})
    assert list(tmp_path.iterdir()) == []


class Pretended:
    """As much of Ray as a sweep asks for: tasks end in the order of their submission, those of ``lost`` are lost."""

    def __init__(self, source, processors, lost=()):
        self.source, self.processors, self.lost = source, processors, {task.to_json() for task in lost}
        self.submitted, self.under_way, self.most = [], {}, 0

    @property
    def exceptions(self):
        return importlib.import_module("ray.exceptions")

    def cluster_resources(self):
        return {"CPU": float(self.processors)} if self.processors else {}

    def remote(self, *given, **options):
        if options:
            assert options["num_cpus"] == 1
            return lambda function: self
        self.submitted.append(given[0])
        self.under_way[len(self.submitted)] = given[0]
        self.most = max(self.most, len(self.under_way))
        return len(self.submitted)

    def wait(self, tasks, num_returns, timeout):
        assert sorted(tasks) == sorted(self.under_way)
        return [min(tasks)], sorted(tasks)[1:]

    def get(self, task):
        text = self.under_way.pop(task)
        if text in self.lost:
            raise self.exceptions.WorkerCrashedError
        return "", payload.pack(read_task(text), self.source), 1.0

    def cancel(self, task, force):
        raise AssertionError("nothing is left to be cancelled")


@pytest.mark.parametrize(("retries", "times"), [(0, "once"), (2, "3 times")])
def test_what_is_lost_too_often_is_told_and_the_rest_goes_on(retries, times, local, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ctviz[ray]'")
    wanted, store = tasks(3), Store(tmp_path)
    ray = Pretended(local, processors=1, lost=wanted[1:2])
    dispatch = engine_module._Dispatch(RayEngine(retries=retries), ray, store, never)
    outcomes = {outcome.task.key: outcome.message for outcome in dispatch.all_of(deque(wanted))}
    assert [outcomes[task.key] == "" for task in wanted] == [True, False, True]
    assert f"was lost {times} (WorkerCrashedError); start the sweep again" in outcomes[wanted[1].key]
    assert ray.submitted.count(wanted[1].to_json()) == retries + 1
    assert [is_done(task, store) for task in wanted] == [True, False, True]


def test_a_run_that_cannot_be_read_ends_its_task_alone(local, tmp_path, monkeypatch):
    wanted, pack = tasks(2), payload.pack
    broken = Store(tmp_path)

    def refused(task, store):
        if task == wanted[0] and store is broken:
            raise StoreError("The disk cannot be read.")
        return pack(task, store)

    monkeypatch.setattr(payload, "pack", refused)
    dispatch = engine_module._Dispatch(RayEngine(), Pretended(local, processors=1), broken, never)
    outcomes = {outcome.task.key: outcome.message for outcome in dispatch.all_of(deque(wanted))}
    assert outcomes == {wanted[0].key: "The disk cannot be read.", wanted[1].key: ""}


@pytest.mark.parametrize("switch", ["ray_constants.ENABLE_RAY_CLUSTER", "services.start_api_server"])
def test_a_ray_that_cannot_be_kept_to_this_machine_is_not_started(monkeypatch, switch):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ctviz[ray]'")
    monkeypatch.delattr(f"ray._private.{switch}")
    with pytest.raises(ConfigError, match="local, or a version of ray"), engine_module._this_machine_alone():
        raise AssertionError("it was started")


@pytest.mark.parametrize(("settings", "most"), [({}, 4), ({"most_waiting": 1}, 1)])
def test_no_more_tasks_are_with_the_cluster_than_it_can_soon_do(settings, most, local, tmp_path):
    ray = Pretended(local, processors=2)
    dispatch = engine_module._Dispatch(RayEngine(**settings), ray, Store(tmp_path), never)
    assert all(outcome.done for outcome in dispatch.all_of(deque(tasks(6))))
    assert ray.most == most


def test_a_cluster_without_a_processor_is_not_waited_for_for_ever(local, tmp_path):
    dispatch = engine_module._Dispatch(RayEngine(patience=0.0), Pretended(local, 0), Store(tmp_path), never)
    with pytest.raises(StoreError, match="has had no processor for 0 seconds"):
        list(dispatch.all_of(deque(tasks(1))))
