"""Fields marked `Private`: sealed before they are written to the inbox or the lake, opened only for who asks for them by name.

A record is sealed with the data keys of whom it is about: an entity's own, and that of everything it refers to. So whoever of them is
forgotten takes it along, in every copy that was ever made of it. What refers to nobody is sealed with a key of its stream.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

from millrace.decision import FORGOTTEN
from millrace.errors import MillraceError
from millrace.log.keys import NAME, Keyring, cipher, combined, opened, sealed
from millrace.types import Array, Columns, objects

_MARK = "sealed:"
"""How sealed text begins. What does not was written before its field was private, and is read as it is."""

_Parts = tuple[tuple[bytes, ...], bytes]
"""Sealed text taken apart: the names of its keys, and what is sealed."""


def owner(of: str, id_: str) -> str:
    """Return who a data key is of, as text: a class and an id."""
    return f"{of}:{id_}"


class Sealing:
    """How the private fields of one stream are sealed.

    Args:
        stream: The stream's name.
        names: Its private fields.
        owners: Whom a record is about: the class and the column that holds the id, for each.
        keyring: The keys of the log.
    """

    def __init__(self, stream: str, names: Sequence[str], owners: Sequence[tuple[str, str]], keyring: Keyring) -> None:
        self.owners = owners
        self._stream = stream
        self._names = names
        self._keyring = keyring

    def seal(self, rows: Columns) -> dict[str, Array]:
        """Return the private columns of whole rows, sealed; a missing value stays missing.

        Raises:
            MillraceError: The master key is lost, or is another one.
        """
        ids = [(of, rows[column].tolist()) for of, column in self.owners]
        owners = [tuple(owner(of, one[row]) for of, one in ids if one[row]) or (owner("", self._stream),) for row in range(len(rows["id"]))]
        names = self._keyring.names({one for some in owners for one in some})
        keys = self._keyring.made(set(names.values()))
        called = [tuple(names[one] for one in some) for some in owners]
        return {field: objects(self._sealed(field, rows[field].tolist(), called, keys)) for field in self._names}

    def _sealed(self, field: str, texts: list[Any], called: Sequence[tuple[bytes, ...]], keys: dict[bytes, bytes]) -> list[str | None]:
        about, out = self._about(field), []
        for text, names in zip(texts, called, strict=True):
            if text is None:
                out.append(None)
                continue
            content = sealed(cipher(combined([keys[name] for name in names])), text.encode(), about)
            out.append(_MARK + b64encode(bytes([len(names)]) + b"".join(names) + content).decode())
        return out

    def open(self, columns: Columns) -> dict[str, Array]:
        """Return columns of the stream with the private ones among them opened; `FORGOTTEN` where a key is destroyed.

        Raises:
            MillraceError: The master key or the data keys are lost or are others, or what was sealed has changed since.
        """
        out = dict(columns)
        for field in self._names:
            if field in out:
                out[field] = objects(self._opened(field, out[field].tolist()))
        return out

    def _opened(self, field: str, texts: list[Any]) -> list[Any]:
        parts = {text: _parts(text) for text in texts if isinstance(text, str) and text.startswith(_MARK)}
        keys = self._keyring.found({name for names, _ in parts.values() for name in names}) if parts else {}
        clear = {text: self._clear(field, one, keys) for text, one in parts.items()}
        return [clear.get(text, text) for text in texts]

    def _clear(self, field: str, parts: _Parts, keys: dict[bytes, bytes]) -> str:
        names, content = parts
        if not all(name in keys for name in names):
            return FORGOTTEN
        clear = opened(cipher(combined([keys[name] for name in names])), content, self._about(field)) if names else None
        if clear is None:
            raise MillraceError(f"a sealed {self._stream}.{field} was changed since it was written: restore the log from a backup")
        return clear.decode()

    def _about(self, field: str) -> bytes:
        return f"{self._stream}.{field}".encode()


def _parts(text: str) -> _Parts:
    """Take sealed text apart; what is no longer whole has no keys."""
    try:
        content = b64decode(text[len(_MARK) :], validate=True)
    except ValueError:
        return (), b""
    count = content[0] if content else 0
    names = tuple(content[1 + NAME * one : 1 + NAME * (one + 1)] for one in range(count))
    return names, content[1 + NAME * count :]
