"""Rows of an Excel workbook (.xlsx), read as a stream with what the standard library brings: values only, no formulas, no styles."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import IO
from xml.etree.ElementTree import Element, ParseError, iterparse

import numpy as np

from millrace.errors import BadInput
from millrace.types import DAY, Array

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_MOST_BYTES = 1 << 31
"""No part of a workbook is unpacked beyond this."""

_DAY_ZERO = -25_569 * DAY
"""What serial number 0 stands for, 30 December 1899, in microseconds since 1970."""

Cell = str | float | None


def rows(workbook: bytes, sheet: str) -> Iterator[list[Cell]]:
    """Yield the rows of a sheet, as long as their last cell that holds something; numbers and dates as float, text as str.

    Raises:
        BadInput: It is no workbook, or has no such sheet.
    """
    try:
        with zipfile.ZipFile(BytesIO(workbook)) as parts:
            where = _place(parts, sheet)
            shared = list(_shared(parts))
            with _opened(parts, where) as part:
                for row in _elements(part, "row"):
                    yield _cells(row, shared)
    except (zipfile.BadZipFile, ParseError, KeyError) as error:
        raise BadInput(f"this is no Excel workbook that can be read: {error}") from None


def instants(serial: Array) -> Array:
    """Return Excel's dates, days since 30 December 1899, as datetime64[us] to the second. Shape (n,).

    >>> instants(np.array([40148.322916666664])).tolist()
    [datetime.datetime(2009, 12, 1, 7, 45)]
    """
    seconds = np.round(serial * 86_400).astype(np.int64)  # a serial number is a float: minutes come out as 59.999 s
    return (seconds * 1_000_000 + _DAY_ZERO).astype("datetime64[us]")


def _place(parts: zipfile.ZipFile, sheet: str) -> str:
    """Return where the sheet of a name lies."""
    with _opened(parts, "xl/workbook.xml") as part:
        names = {one.get("name"): one.get(_RELATION) for one in _elements(part, "sheet")}
    if sheet not in names:
        raise BadInput(f"the workbook has no sheet {sheet!r}: it has {', '.join(map(str, names))}")
    with _opened(parts, "xl/_rels/workbook.xml.rels") as part:
        targets = {one.get("Id"): one.get("Target", "") for _, one in iterparse(part)}
    target = targets[names[sheet]]
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _shared(parts: zipfile.ZipFile) -> Iterator[str]:
    """Yield the texts that cells refer to by number."""
    if "xl/sharedStrings.xml" in parts.namelist():
        with _opened(parts, "xl/sharedStrings.xml") as part:
            for one in _elements(part, "si"):
                yield "".join(text.text or "" for text in one.iter(f"{_MAIN}t"))


def _opened(parts: zipfile.ZipFile, name: str) -> IO[bytes]:
    if parts.getinfo(name).file_size > _MOST_BYTES:
        raise BadInput(f"{name} of the workbook unpacks to more than 2 GiB: it is not read")
    return parts.open(name)


def _elements(part: IO[bytes], tag: str) -> Iterator[Element]:
    """Yield the elements of a tag; each is forgotten once the next is asked for."""
    events = iterparse(part, events=("start", "end"))
    _, root = next(events)
    for event, element in events:
        if event == "end" and element.tag == f"{_MAIN}{tag}":
            yield element
            element.clear()
            root.clear()


def _cells(row: Element, shared: list[str]) -> list[Cell]:
    out: list[Cell] = []
    for cell in row.iter(f"{_MAIN}c"):
        place = _column(cell.get("r")) if cell.get("r") else len(out)
        out.extend([None] * (place + 1 - len(out)))
        out[place] = _value(cell, shared)
    return out


def _column(reference: str | None) -> int:
    """Return the place of a cell such as AB12 in its row, from 0."""
    place = 0
    for letter in (reference or "").rstrip("0123456789"):
        place = place * 26 + ord(letter) - ord("A") + 1
    return place - 1


def _value(cell: Element, shared: list[str]) -> Cell:
    sort = cell.get("t", "n")
    if sort == "inlineStr":
        return "".join(text.text or "" for text in cell.iter(f"{_MAIN}t"))
    said = cell.findtext(f"{_MAIN}v")
    if said is None or sort == "e":  # an error such as #N/A is no value
        return None
    return shared[int(said)] if sort == "s" else said if sort == "str" else float(said)
