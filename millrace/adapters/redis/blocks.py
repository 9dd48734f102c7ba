"""Rows to be written, as arrays copied from a view: quick to take while the view is held, made into bytes once it is let go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from millrace.adapters.redis.layout import SLACK, Row, joint_piece, key_texts
from millrace.types import Array

Line: TypeAlias = tuple[str, int, bytes]
"""A row to write: its key, how long it lives in milliseconds (0: for ever), and the row."""


@dataclass(frozen=True)
class Block:
    """Rows of one kind as of a watermark.

    Attributes:
        row: How they are written.
        base: What their keys begin with.
        keys: The ids of each key, or of the entity. Shape (n,) each.
        values: Their columns. Shape (n,) or (n, k) each.
        since: The watermark.
        is_whole: Whether nothing was written before, so that what says nothing need not be.
    """

    row: Row
    base: str
    keys: Sequence[Array]
    values: Sequence[Array]
    since: int
    is_whole: bool

    def parts(self, most: int) -> Iterator[Part]:
        """Yield all rows in parts of at most so many."""
        for start in range(0, len(self.keys[0]), most):
            yield Part(self, start, start + most)


@dataclass(frozen=True)
class Part:
    """Some rows of a block: from a place up to another."""

    block: Block
    start: int
    stop: int

    def lines(self) -> Iterator[Line]:
        """Yield the rows as they are written."""
        block, here = self.block, slice(self.start, self.stop)
        made, blank = block.row.write([column[here] for column in block.values], block.since)
        for name, one, says_nothing in zip(self._names(here), made, blank, strict=True):
            if not says_nothing:
                yield block.base + name, block.row.life_ms, one
            elif not block.is_whole:  # it replaces what said something, and need not outlive those who may read that
                yield block.base + name, SLACK // 1000, one

    def _names(self, here: slice) -> Iterator[str]:
        ids = [column[here].tolist() for column in self.block.keys]
        return iter(key_texts(ids[0])) if len(ids) == 1 else map("".join, zip(*(map(joint_piece, column) for column in ids), strict=True))
