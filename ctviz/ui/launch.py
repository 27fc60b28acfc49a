"""What ``ctviz serve`` becomes: ``streamlit run``, without what that does besides.

By itself it asks newcomers for an e-mail address, and for that reads, writes or deletes files in their home; it asks a
public host for the address of this computer; and it lets files beside the app stand in for modules of Python.
This file is started by its path and imports nothing of ctviz, so that it works wherever the app itself does.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFileRec

LARGEST_UPLOAD = 64 * 2**20
"""Bytes up to which an upload stays in memory; larger ones are refused. As much is kept of one session."""

MOST_UPLOADED = 4 * LARGEST_UPLOAD
"""Bytes of uploads of all sessions that are kept until pages have read them."""


def ask_nobody() -> None:
    """No request for this computer's address: not at the start, and not when a page of a foreign origin connects.

    Without it Streamlit does as where there is no network: it shows no such address, and refuses the foreign page.
    """
    from streamlit import net_util

    net_util.get_external_ip = lambda: None


def keep_uploads_in_memory() -> None:
    """No file that is uploaded passes through a temporary one: by itself, one above a megabyte does."""
    from starlette.formparsers import MultiPartParser

    MultiPartParser.spool_max_size = LARGEST_UPLOAD


def bound_uploads() -> None:
    """What a browser sends by hand, past the page, fills no memory: of a session the latest files are kept, and none
    is taken while those of all are too many."""
    from starlette.exceptions import HTTPException
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager as Files

    add = Files.add_file

    def add_within_bounds(self: Files, session_id: str, file: UploadedFileRec) -> None:
        room = LARGEST_UPLOAD - len(file.data)
        for known in reversed(list(self.file_storage.get(session_id, {}).values())):
            room -= len(known.data)
            if room < 0:
                self.remove_file(session_id, known.file_id)
        held = sum(len(one.data) for files in list(self.file_storage.values()) for one in list(files.values()))
        if held + len(file.data) > MOST_UPLOADED:
            raise HTTPException(status_code=413, detail="Too much is being uploaded at this moment")
        add(self, session_id, file)

    Files.add_file = add_within_bounds  # type: ignore[method-assign]


def keep_caches() -> None:
    """No browser clears what all sessions share: the running jobs would be lost to everybody."""
    from streamlit.runtime.app_session import AppSession

    AppSession._handle_clear_cache_request = lambda self: None  # type: ignore[method-assign]


def load_ahead() -> None:
    """Imports what every page needs, while the server starts and a browser loads: else the first page waits for it."""
    for name in ("torch", "pandas"):
        if threading.main_thread().is_alive():  # else the server has been stopped, and its end waits for this
            with suppress(Exception):  # the app says what is wrong with it
                importlib.import_module(name)


def launch(script: str, *flags: str) -> None:
    """Serve the app ``script``, with flags of ``streamlit run``, until a signal ends it."""
    _have_a_home()
    ask_nobody()
    keep_uploads_in_memory()
    from streamlit.runtime import credentials

    credentials.check_credentials = lambda: None  # before it is imported where it is called
    from streamlit.web import bootstrap, cli

    if os.environ.get("CTVIZ_CLASS"):
        keep_caches()

    # Last, not first: else a random.py or queue.py in the folder of the app would be taken for Python's own.
    bootstrap._fix_sys_path = lambda main_script_path: sys.path.append(str(Path(main_script_path).parent))
    # No daemon: one that is cut off while it imports can crash.
    threading.Thread(target=load_ahead, name="load ahead").start()
    cli.main(["run", script, *flags], prog_name="streamlit")


def _have_a_home() -> None:
    """Streamlit looks for settings of the user's own, and fails where a user has no home, as in some containers."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = os.sep


if __name__ == "__main__":
    launch(*sys.argv[1:])
