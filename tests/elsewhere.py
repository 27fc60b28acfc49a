"""A proxy through which whatever leaves the machine has to go, and that only notes what it is sent."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def noting_proxy() -> Iterator[tuple[dict[str, str], list[bytes]]]:
    """The variables of an environment that has it, and the beginnings of the requests so far."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def note() -> None:
            while True:
                try:
                    line, _ = proxy.accept()
                except OSError:
                    return
                with line:
                    requests.append(line.recv(100))

        threading.Thread(target=note, daemon=True).start()
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        names = [f"{kind}_proxy" for kind in ("http", "https", "all")]
        variables = {name: address for lower in names for name in (lower, lower.upper())}
        yield {**variables, "no_proxy": "", "NO_PROXY": ""}, requests


def knock(port, origin, path="", host=None, at="127.0.0.1"):
    """What a page of ``origin`` is told when it asks for a connection: the status line of HTTP."""
    with socket.create_connection((at, port)) as line:
        head = (f"GET {path}/_stcore/stream HTTP/1.1", f"Host: {host or f'127.0.0.1:{port}'}", "Connection: Upgrade")
        key = ("Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
        line.sendall("\r\n".join((*head, *key, f"Origin: {origin}", "", "")).encode())
        return line.makefile().readline()
