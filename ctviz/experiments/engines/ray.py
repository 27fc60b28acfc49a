"""Tasks on a Ray cluster: each is a Ray task of one thread on some node, whose results the driver stores."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from ctviz.errors import ConfigError, CtvizError, StoreError
from ctviz.experiments.engines import payload
from ctviz.experiments.engines.base import AnyTask, T, TaskResult, is_done
from ctviz.experiments.engines.payload import Payload
from ctviz.experiments.store import Store

_ADDRESS = re.compile(r"(?P<host>[\w.-]+|\[[0-9a-fA-F:.%\w]+\]):(?P<port>\d{1,5})")
_ALLOWED = "host:port of a Ray cluster that answers, such as ray-host:6379, or auto for the one this machine belongs to"
_GREETING_TIMEOUT = 5.0
"""Seconds within which a cluster must answer the greeting."""

_POLL = 0.2
"""Seconds between two checks of ``cancelled`` while no task ends."""

_RECOUNT = 2.0
"""Seconds between two counts of the cluster's processors, which come and go with its nodes."""

_GRACE = 5.0
"""Seconds that cancelled tasks have to end and clean up."""


@dataclass
class _Submission:
    """A task that has been submitted to the cluster."""

    task: AnyTask
    began: float
    losses: int


class RayEngine:
    """Runs tasks on a Ray cluster; Ray is installed with ``pip install 'ctviz[ray]'``.

    Each task is a Ray task with one processor and one thread. Its worker computes in a folder of its own and sends the
    finished run and report back; the driver, which is the process that calls ``run``, checks them and writes them into
    its store. Workers therefore need ctviz, of the driver's version, and no access to the store.

    A task whose worker or node is lost is submitted again, up to ``retries`` times. At most ``most_waiting`` tasks are
    submitted at once, by default twice the number of processors, and their results are fetched one by one: the driver
    holds one at a time, however long the sweep is.

    Each run connects and disconnects; as a context manager the engine stays connected in between.

    Args:
        address: ``host:port`` of the cluster's head, on a machine that belongs to the cluster; ``auto`` for the cluster
            that this machine belongs to. None: the Ray that the caller has initialised, or that RAY_ADDRESS names, or
            else one that is started on this machine for the sweep and can be reached from this machine only.
        retries: how often a lost task is retried.
        most_waiting: most tasks submitted at once.
        workers: processors of a Ray that is started here; by default all of this machine.
        patience: seconds to wait for a cluster without any processor before giving up.

    Raises:
        ConfigError: a setting that is not allowed.
    """

    def __init__(
        self,
        address: str | None = None,
        retries: int = 2,
        most_waiting: int | None = None,
        workers: int | None = None,
        patience: float = 300.0,
    ) -> None:
        if address is not None and address != "auto" and not _ADDRESS.fullmatch(address):
            raise ConfigError("address", address, _ALLOWED)
        if retries < 0:
            raise ConfigError("retries", retries, "0 or more")
        for name, number in (("most_waiting", most_waiting), ("workers", workers)):
            if number is not None and number < 1:
                raise ConfigError(name, number, "1 or more")
        self.address = address
        self.retries = retries
        self.most_waiting = most_waiting
        self.workers = workers
        self.patience = patience
        self._kept = contextlib.ExitStack()

    def __enter__(self) -> RayEngine:
        """Connect now and stay connected, so that workers are ready for further runs."""
        self._kept.enter_context(_connected(self.address, self.workers))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect, if it stayed connected."""
        self._kept.close()

    def run(self, tasks: Sequence[T], store: Store, cancelled: Callable[[], bool]) -> Iterator[TaskResult[T]]:
        """Results in the order in which the tasks end.

        Raises:
            ConfigError: Ray is not installed, or no cluster answers at the address.
            StoreError: the cluster has had no processor for ``patience`` seconds.
        """
        left: deque[T] = deque()
        for task in tasks:
            if is_done(task, store):
                yield TaskResult(task, "", 0.0)
            else:
                left.append(task)
        if not left or cancelled():
            return
        with _connected(self.address, self.workers) as ray:
            yield from _Dispatch(self, ray, store, cancelled).all_of(left)


class _Dispatch:
    """The tasks of one run on a connected cluster."""

    def __init__(self, engine: RayEngine, ray: Any, store: Store, cancelled: Callable[[], bool]) -> None:
        self._engine = engine
        self._ray = ray
        self._store = store
        self._cancelled = cancelled
        # Ray's own retries are off, so that there is one count, and losses are distinguished from errors of the task.
        options = {"num_cpus": 1, "max_retries": 0, "name": "ctviz task"}
        self._task = ray.remote(**options)(_task())
        self._versions = payload.versions()
        self._submitted: dict[Any, _Submission] = {}
        self._room = 0
        self._counted = -_RECOUNT
        self._had_room = time.monotonic()

    def all_of(self, tasks: deque[T]) -> Iterator[TaskResult[T]]:
        """Submit tasks as results are fetched; cancel pending ones when the iterator is left, in whatever way."""
        try:
            while (tasks or self._submitted) and not self._cancelled():
                while tasks and len(self._submitted) < self._most():
                    refused = self._submit(_Submission(tasks.popleft(), time.monotonic(), losses=0))
                    if refused is not None:
                        yield refused
                if not self._submitted:
                    time.sleep(_POLL)
                    continue
                ended, _ = self._ray.wait(list(self._submitted), num_returns=1, timeout=_POLL)
                for handle in ended:
                    outcome = self._taken(handle, self._submitted.pop(handle))
                    if outcome is not None:
                        yield outcome
        finally:
            self._cancel()

    def _most(self) -> int:
        """How many tasks may be submitted now.

        Raises:
            StoreError: there has been no processor for too long.
        """
        now = time.monotonic()
        if now - self._counted >= _RECOUNT:
            self._counted = now
            self._room = int(self._ray.cluster_resources().get("CPU", 0))
            if self._room:
                self._had_room = now
        if now - self._had_room > self._engine.patience:
            waited = f"{self._engine.patience:g} seconds"
            raise StoreError(f"The Ray cluster has had no processor for {waited}; start a node that has some.")
        # More tasks than processors make clusters grow that scale on demand.
        return self._engine.most_waiting or max(2 * self._room, 2)

    def _submit(self, submission: _Submission) -> TaskResult[Any] | None:
        """Submit a task; returns a result only if its stored parts cannot be read."""
        task = submission.task
        try:
            before = payload.pack(task, self._store)  # finished parts are not computed again
        except StoreError as error:
            return TaskResult(task, str(error), _since(submission))
        self._submitted[self._task.remote(task.to_json(), before, self._versions)] = submission
        return None

    def _taken(self, handle: Any, submission: _Submission) -> TaskResult[Any] | None:
        """The result of a task that has ended; None if it was lost and submitted again."""
        task = submission.task
        try:
            received = Payload(*self._ray.get(handle))
        except self._ray.exceptions.RayTaskError as error:
            said = str(error).strip().splitlines()
            return TaskResult(
                task, f"Unexpected error on a worker: {said[-1] if said else 'unknown'}", _since(submission)
            )
        except self._ray.exceptions.RayError as error:
            return self._lost(submission, type(error).__name__)
        try:
            payload.unpack(task, received.files, self._store, self._cancelled)
        except CtvizError as error:
            return TaskResult(task, received.message or str(error), received.seconds)
        if not received.message and not self._cancelled() and not is_done(task, self._store):
            return self._lost(submission, "results are missing")
        return TaskResult(task, received.message, received.seconds)

    def _lost(self, submission: _Submission, reason: str) -> TaskResult[Any] | None:
        if submission.losses >= self._engine.retries:
            times = "once" if submission.losses == 0 else f"{submission.losses + 1} times"
            message = (
                f"The worker that trained these models was lost {times} ({reason}); start the sweep again to retry."
            )
            return TaskResult(submission.task, message, _since(submission))
        return self._submit(_Submission(submission.task, submission.began, submission.losses + 1))

    def _cancel(self) -> None:
        """End pending tasks: first by an interrupt, so that workers clean up, then by force."""
        for force in (False, True):
            for handle in self._submitted:
                with contextlib.suppress(Exception):  # it has ended meanwhile, or the cluster is gone
                    self._ray.cancel(handle, force=force)
            with contextlib.suppress(Exception):
                waiting = list(self._submitted)
                if waiting:
                    _, waiting = self._ray.wait(waiting, num_returns=len(waiting), timeout=_GRACE)
                self._submitted = {handle: self._submitted[handle] for handle in waiting}
        self._submitted.clear()


def _since(submission: _Submission) -> float:
    return time.monotonic() - submission.began


def _task() -> Callable[..., tuple[str, dict[str, bytes], float]]:
    """The function that a worker runs. A nested function is sent by value, so that it can report that ctviz is
    missing."""

    def task_on_worker(
        task: str, files: dict[str, bytes], versions: dict[str, str]
    ) -> tuple[str, dict[str, bytes], float]:
        import importlib
        import signal
        import socket
        import threading

        stopped = threading.Event()

        def stop(number: int, frame: FrameType | None) -> None:
            """Like Ctrl-C, but only noted during an import: a library that is partly imported stays broken."""
            stopped.set()
            while frame is not None:
                if frame.f_globals.get("__name__") == "importlib._bootstrap":
                    return
                frame = frame.f_back
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGINT, stop)  # Ray cancels a task with this signal and keeps the worker
        try:
            imports = importlib.import_module("ctviz.imports")
            imports.standard_library_first()  # Ray adds the driver's current folder
            imports.leave_matplotlib_out()
            here = importlib.import_module("ctviz.experiments.engines.payload")
        except ImportError as error:
            wanted = f"install ctviz {versions['ctviz']} on every node of the cluster"
            return f"The worker on {socket.gethostname()} cannot use ctviz ({error}); {wanted}.", {}, 0.0
        else:
            payload = here.compute_payload(task, files, versions, stopped.is_set)
        finally:
            signal.signal(signal.SIGINT, before)
        return payload.message, payload.files, payload.seconds

    return task_on_worker


# -- the connection -----------------------------------------------------------------------------------


@contextlib.contextmanager
def _connected(address: str | None, workers: int | None) -> Iterator[Any]:
    """Connect to Ray; disconnect at the end, unless the caller had connected before."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise ConfigError("engine", "ray", "local; ray needs pip install 'ctviz[ray]'") from None
    if ray.is_initialized():
        _check_same(ray, address)
        yield ray
        return
    address = address or os.environ.get("RAY_ADDRESS") or None
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    try:
        if address in (None, "local"):
            _own_token()
            with _this_machine_alone():
                ray.init(address="local", num_cpus=workers, include_dashboard=False, **quiet)
        else:
            _connect(ray, address, quiet)
    except CtvizError:
        raise
    except Exception as error:  # Ray raises errors of many kinds, with long messages
        said = " ".join(str(error).split())[:200].rstrip(". ")
        raise ConfigError("address", address or "this machine", f"{_ALLOWED}; Ray says: {said}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_same(ray: Any, address: str | None) -> None:
    """``ConfigError`` if this process is connected to another cluster than the named one."""
    here = ray.get_runtime_context().gcs_address
    if address in (None, "auto", here):
        return
    host, _, port = str(address).rpartition(":")
    with contextlib.suppress(OSError):
        same = {found[4][0] for found in socket.getaddrinfo(host.strip("[]"), None)}
        mine = here.rpartition(":")[0].strip("[]")
        if port == here.rpartition(":")[2] and (mine in same or {"127.0.0.1", "::1"} & same):
            return
    raise ConfigError("address", address, f"{here}, with which this process is connected, until ray.shutdown()")


def _connect(ray: Any, address: str, options: dict[str, Any]) -> None:
    """Connect to a cluster that answers.

    Ray replaces 127.0.0.1 by this machine's network address, where a head that listens to this machine only does not
    answer.
    """
    found = _ADDRESS.fullmatch(address)
    if found is not None and found["host"] in ("localhost", "127.0.0.1", "[::1]"):
        try:
            _greet(f"{ray.util.get_node_ip_address()}:{found['port']}")
        except ConfigError:
            _greet(address)
            with _this_machine_alone():
                ray.init(address=address, **options)
            return
    else:
        _greet(address)
    ray.init(address=address, **options)


def _greet(address: str) -> None:
    """``ConfigError`` within seconds unless a Ray head listens at ``address``.

    Ray itself would try for minutes. Its head speaks HTTP/2, in which a server answers a greeting with its settings.
    """
    found = _ADDRESS.fullmatch(address)
    if address == "auto" or found is None:
        return  # Ray looks it up at once
    greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    try:
        with socket.create_connection((found["host"].strip("[]"), int(found["port"])), _GREETING_TIMEOUT) as line:
            line.settimeout(_GREETING_TIMEOUT)
            line.sendall(greeting)
            answer = b""
            while len(answer) < 9 and (more := line.recv(9 - len(answer))):
                answer += more
    except (OSError, OverflowError, UnicodeError) as error:
        raise ConfigError("address", address, _ALLOWED) from error
    if len(answer) < 9 or answer[3] != 4:
        raise ConfigError("address", address, _ALLOWED)


@contextlib.contextmanager
def _this_machine_alone() -> Iterator[None]:
    """Within this context, a Ray that is started listens at 127.0.0.1 only and makes no requests.

    On Linux Ray listens to the network even without a cluster, and takes no address for it; elsewhere this is its
    default. Even without its dashboard and statistics it asks the hosts of three clouds whether it runs there, in a
    process that has no other purpose. There are no public switches for that, so a version of Ray without these internal
    ones is not started.

    Raises:
        ConfigError: this version of Ray has no such switches.
    """
    import ray

    try:
        from ray._private import ray_constants, services

        before, server = ray_constants.ENABLE_RAY_CLUSTER, services.start_api_server
    except (ImportError, AttributeError):
        named = f"ray {ray.__version__}"
        raise ConfigError("engine", named, "local, or a version of ray that pip install 'ctviz[ray]' takes") from None
    ray_constants.ENABLE_RAY_CLUSTER = False
    services.start_api_server = lambda *_, **__: (None, None)
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER, services.start_api_server = before, server


def _own_token() -> None:
    """A token for the Ray that is started, known to this process only: by default Ray keeps one in the user's home."""
    if {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys():
        return
    with contextlib.suppress(RuntimeError):  # the user has no home
        if Path("~/.ray/auth_token").expanduser().exists():
            return
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
