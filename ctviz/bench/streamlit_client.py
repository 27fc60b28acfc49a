"""A visitor without a browser: speaks Streamlit's protocol over a websocket, as its page does.

A browser per visitor would measure the browsers. A client opens a page, holds what widgets it was shown, changes their
values and waits until the server has answered; messages that it holds already are named by their hash, as in a browser.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from ctviz.errors import CtvizError

MOST_BYTES = 200 * 2**20
"""Of one message."""

SETTLED = 0.15
"""Seconds without a new run of the script after which an answer is complete: a script may ask for another run of itself
just when one has ended."""


@dataclass
class Received:
    """What one action brought: seconds until the answer was complete, messages and bytes, whether a page said that
    something went wrong."""

    seconds: float = 0.0
    messages: int = 0
    bytes: int = 0
    runs: int = 0
    errors: list[str] = field(default_factory=list)


class Visitor:
    """One session of the app.

    Args:
        url: of the server, such as ``http://127.0.0.1:8501``.
        patience: seconds after which an answer is given up.
    """

    def __init__(self, url: str, patience: float = 60.0) -> None:
        parts = urlsplit(url)
        self._host, self._base, self._patience = parts.netloc, parts.path.rstrip("/"), patience
        self._socket: ClientConnection | None = None
        self._states: dict[str, WidgetState] = {}
        self._elements: dict[tuple[int, ...], Any] = {}
        self._cached: dict[str, ForwardMsg] = {}
        self._query, self._page, self._page_hash = "", "", ""
        self.again: dict[str, float] = {}  # parts of the page that run again by themselves, and after how many seconds
        self.session = ""
        self.sessions: list[str] = []  # all that this visitor was given: one, unless the server lost it

    async def __aenter__(self) -> Visitor:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    async def connect(self) -> None:
        """Opens the line; with the session of before, if there was one."""
        protocols: list[Any] = ["streamlit", "PLACEHOLDER_AUTH_TOKEN"]
        if self.session:
            protocols.append(self.session)
        self._socket = await connect(
            f"ws://{self._host}{self._base}/_stcore/stream", subprotocols=protocols, origin=f"http://{self._host}",  # type: ignore[arg-type]
            max_size=MOST_BYTES, compression=None, open_timeout=self._patience,
        )  # fmt: skip

    async def leave(self) -> None:
        """Closes the line, as a closed tab does."""
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    # -- what a person does -------------------------------------------------------------------------

    async def visit(self, page: str, query: str = "") -> Received:
        """Opens a page by its path, ``""`` for the first, with a link's query."""
        self._states, self._elements, self.again = {}, {}, {}
        self._page, self._page_hash, self._query = page, "", query
        return await self._run()

    async def enter(self, key: str, **value: Any) -> Received:
        """Changes the widget that the app calls ``key``, as in ``enter("speed", double_value=2)``."""
        self._put(self.widget(key), value)
        return await self._run(self._fragment_of(key))

    async def press(self, key: str) -> Received:
        """Presses a button."""
        identity = self.widget(key)
        self._put(identity, {"trigger_value": True})
        try:
            return await self._run(self._fragment_of(key))
        finally:
            self._states.pop(identity, None)

    async def tell(self, key: str, state: dict[str, Any]) -> Received:
        """Lets a component report a state, such as the epoch that its player rests on."""
        identity = self.widget(key)
        known = json.loads(self._states[identity].json_value) if identity in self._states else {}
        self._put(identity, {"json_value": json.dumps({**known, **state})})
        return await self._run(self._fragment_of(key))

    async def look_again(self, fragment: str) -> Received:
        """The rerun of a part that runs again by itself."""
        return await self._run(fragment, again=True)

    # -- what is on the page ------------------------------------------------------------------------

    def widget(self, key: str) -> str:
        """The identity of a widget.

        Raises:
            CtvizError: no such widget is shown.
        """
        return str(self.proto(key).id)

    def proto(self, key: str) -> Any:
        """The widget as the server described it; errors as ``widget``."""
        found = next((shown for identity, shown in self._widgets() if identity.endswith(f"-{key}")), None)
        if found is None:
            raise CtvizError(f"{self._page or 'Home'} shows no widget {key!r}{'' if self.keys() else ': it is empty'}")
        return found

    def shows(self, key: str) -> bool:
        """Whether there is a widget of that key."""
        return any(identity.endswith(f"-{key}") for identity, _ in self._widgets())

    def keys(self) -> list[str]:
        """The keys of all widgets."""
        return [identity.split("-", 2)[-1] for identity, _ in self._widgets()]

    def texts(self) -> list[str]:
        """What the page says in paragraphs, messages and HTML."""
        texts = []
        for element, _ in self._elements.values():
            kind = element.WhichOneof("type")
            body = getattr(element, kind) if kind else None
            if text := str(getattr(body, "body", "")):
                texts.append(text)
        return texts

    def _widgets(self) -> Iterator[tuple[str, Any]]:
        for element, _ in self._elements.values():
            kind = element.WhichOneof("type")
            body = getattr(element, kind) if kind else None
            identity = getattr(body, "id", "")
            if isinstance(identity, str) and identity:
                yield identity, body

    def _fragment_of(self, key: str) -> str:
        identity = self.widget(key)
        for element, fragment in self._elements.values():
            kind = element.WhichOneof("type")
            if kind and getattr(getattr(element, kind), "id", "") == identity:
                return str(fragment)
        return ""

    # -- the protocol -------------------------------------------------------------------------------

    def _put(self, identity: str, value: dict[str, Any]) -> None:
        state = WidgetState(id=identity)
        for name, content in value.items():
            if name.endswith("array_value"):
                getattr(state, name).data.extend(content)
            else:
                setattr(state, name, content)
        self._states[identity] = state

    async def _run(self, fragment: str = "", *, again: bool = False) -> Received:
        """Sends the state of all widgets and receives until the script has come to rest."""
        if self._socket is None:
            raise CtvizError("The visitor has left.")
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_script_hash = self._query, self._page_hash
        state.page_name = "" if self._page_hash else self._page
        state.widget_states.widgets.extend(self._states.values())
        state.cached_message_hashes.extend(self._cached)
        state.fragment_id, state.is_auto_rerun = fragment, again
        state.context_info.timezone, state.context_info.locale = "UTC", "en"
        state.context_info.url = f"http://{self._host}{self._base}/{self._page}"
        state.context_info.color_scheme = "light"
        began = time.perf_counter()
        try:
            await self._socket.send(message.SerializeToString())
            return await asyncio.wait_for(self._answer(self._socket, began), self._patience)
        except TimeoutError:
            raise CtvizError(f"No answer from {self._page or 'Home'} within {self._patience:.0f} s.") from None
        except WebSocketException as error:
            raise CtvizError(f"The line broke on {self._page or 'Home'}: {error}.") from None

    async def _answer(self, line: ClientConnection, began: float) -> Received:
        received, ended = Received(), False
        fresh: set[tuple[int, ...]] = set()
        while True:
            try:
                data = await asyncio.wait_for(line.recv(), SETTLED if ended else None)
            except TimeoutError:
                return received
            message = ForwardMsg()
            message.ParseFromString(data if isinstance(data, bytes) else data.encode())
            received.messages += 1
            received.bytes += len(data)
            kind = message.WhichOneof("type")
            if kind == "ref_hash":
                kept = self._cached[message.ref_hash]
                metadata = ForwardMsg()
                metadata.CopyFrom(kept)
                metadata.metadata.CopyFrom(message.metadata)
                message, kind = metadata, "delta"
            elif message.metadata.cacheable and message.hash:
                self._cached[message.hash] = message
            if kind == "new_session":
                ended = False
                if not message.metadata.run.fragment_ids:
                    self.again = {}
                received.runs += 1
                fresh = set()
                self._begin(message)
            elif kind == "delta":
                self._take(message, fresh, received)
            elif kind == "navigation":
                self._page_hash = message.navigation.page_script_hash
            elif kind == "auto_rerun":
                self.again[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            elif kind == "page_info_changed":
                self._query = message.page_info_changed.query_string
            elif kind == "script_finished":
                ended = message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
                received.seconds = time.perf_counter() - began
                if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                    self._forget_all_but(fresh)

    def _begin(self, message: ForwardMsg) -> None:
        session = message.new_session
        self._page_hash = session.page_script_hash
        if session.initialize.session_id and session.initialize.session_id != self.session:
            self.session = session.initialize.session_id
            self.sessions.append(self.session)

    def _take(self, message: ForwardMsg, fresh: set[tuple[int, ...]], received: Received) -> None:
        place = tuple(message.metadata.delta_path)
        fresh.add(place)
        if message.delta.WhichOneof("type") != "new_element":
            return
        element = message.delta.new_element
        self._elements[place] = element, message.delta.fragment_id
        if element.WhichOneof("type") == "alert" and "Something went wrong" in element.alert.body:
            received.errors.append(element.alert.body)
        if element.WhichOneof("type") == "exception":
            received.errors.append(element.exception.message)

    def _forget_all_but(self, fresh: set[tuple[int, ...]]) -> None:
        self._elements = {place: found for place, found in self._elements.items() if place in fresh}
        shown = {identity for identity, _ in self._widgets()}
        self._states = {identity: state for identity, state in self._states.items() if identity in shown}
