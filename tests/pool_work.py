"""What the pool of a test does, where a worker process can import it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from ctviz.errors import DataError


def add(held: int, item: int) -> tuple[int, int]:
    return held + item, os.getpid()


def refuse(held: int, item: int) -> int:
    raise DataError(f"Item {item} is refused.")


def die(held: int, item: int, folder: str, times: int) -> int:
    """Item 1 kills its worker, so many times."""
    place = Path(folder) / "deaths"
    with place.open("a+", encoding="utf-8") as file:
        file.seek(0)
        deaths = len(file.read())
        if item == 1 and deaths < times:
            file.write("x")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    return held + item


def linger(held: int, item: int, folder: str) -> None:
    (Path(folder) / f"{os.getpid()}.begun").touch()
    time.sleep(600)
