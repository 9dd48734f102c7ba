"""A version's folder: JSON, text and plain arrays, none of which can execute anything when they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from millrace.errors import BadInput, NotFound
from millrace.types import Array

T = TypeVar("T")


def write_json(folder: Path, name: str, value: Any) -> None:
    """Write a msgspec struct or dataclass as indented JSON; the folder is made if need be."""
    write_text(folder, name, msgspec.json.format(msgspec.json.encode(value), indent=1).decode())


def read_json(folder: Path, name: str, kind: type[T]) -> T:
    """Read what `write_json` wrote.

    Raises:
        NotFound: There is no such file.
        BadInput: It is not the JSON of a `kind`: another learner's, another format's, or damaged.
    """
    text = read_text(folder, name)
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise BadInput(f"{folder / name} is not what this learner saves ({error}): load it with the learner that saved it") from error


def write_text(folder: Path, name: str, text: str) -> None:
    """Write text as UTF-8; the folder is made if need be."""
    write_bytes(folder, name, text.encode())


def read_text(folder: Path, name: str) -> str:
    """Read what `write_text` wrote.

    Raises:
        NotFound: There is no such file.
    """
    return read_bytes(folder, name).decode()


def write_bytes(folder: Path, name: str, data: bytes) -> None:
    """Write bytes in a format that can execute nothing; the folder is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def read_bytes(folder: Path, name: str) -> bytes:
    """Read what `write_bytes` wrote.

    Raises:
        NotFound: There is no such file.
    """
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"{folder} holds no {name}: it is not the folder of a version, or not of this learner's") from error


def write_array(folder: Path, name: str, array: Array) -> None:
    """Write a numeric array in NumPy's own format; the folder is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / name, array, allow_pickle=False)


def read_array(folder: Path, name: str, shape: tuple[int, ...]) -> Array:
    """Read what `write_array` wrote.

    Raises:
        NotFound: There is no such file.
        BadInput: It is damaged, or its shape is not the one given.
    """
    try:
        array = np.load(folder / name, allow_pickle=False)
    except FileNotFoundError as error:
        raise NotFound(f"{folder} holds no {name}: it is not the folder of a version, or not of this learner's") from error
    except (ValueError, EOFError, OSError) as error:
        raise BadInput(f"{folder / name} is damaged ({error}): restore the version or train it again") from error
    if array.shape != shape:
        raise BadInput(f"{folder / name} is damaged: its shape is {array.shape}, not {shape}; restore the version or train it again")
    return array
