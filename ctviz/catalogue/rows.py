"""What the rows of a table are: people, mostly, so that all words speak of people; of districts, the same words do not
fit, and ``in_words_of`` puts others in their places."""

from __future__ import annotations

import re

from ctviz.data.tables.settings import TABLES
from ctviz.prose import begun

_PHRASES = (
    ("(person|people) as they are", "{row} as it is"),
    ("whom one would be", "where one would be"),
    ("(?<=, )whom", "which"),
    ("somebody(?= who)", "a {row}"),
    ("nobody", "no {row}"),
    ("everybody|everyone", "every {row}"),
    ("person", "{row}"),
    ("people(?! per )", "{row}s"),
    ("who|whom", "that"),
)
"""What is said of people, and of rows in its place, one after the other."""

_TAG = re.compile(r"(<style>.*?</style>|<[^>]*>)", re.DOTALL)
_LABEL = re.compile(r'(?<=aria-label=")[^"]*')


def in_words_of(data: str, text: str) -> str:
    """Words about the people of a table, in those of its rows; of HTML, what is read of it.

    Args:
        data: name of the table.
        text: about people; it names no feature or level with one of the words in place of which another is put.
    """
    info = TABLES.get(data)
    if info is None or info.row == "person":
        return text
    parts = _TAG.split(text)
    for i, part in enumerate(parts):
        parts[i] = _LABEL.sub(lambda found: _spoken(found[0], info.row), part) if i % 2 else _spoken(part, info.row)
    return "".join(parts)


def _spoken(text: str, row: str) -> str:
    """Sentences about people as sentences about rows."""
    for phrase, other in _PHRASES:
        said = other.format(row=row)
        text = re.sub(rf"\b({phrase})\b", lambda found, said=said: _like(found[0], said), text, flags=re.IGNORECASE)  # type: ignore[misc]
    return text


def _like(before: str, after: str) -> str:
    """With a capital letter where what it stands for has one."""
    return begun(after) if before[:1].isupper() else after
