"""Imported history that claims to have been known before its source was published: the leak that a declared lag is there to prevent."""

from __future__ import annotations

import numpy as np

from millrace.loaded import Loaded
from millrace.log.log import Log
from millrace.schema import lag


def known_too_early(loaded: Loaded, log: Log) -> dict[str, int]:
    """Return by class with a lag how many of its records are known at the very instant they happened, for those that have any.

    Nothing that arrives is so quick: they were imported before the lag was declared, or with a column that says so.
    """
    late = [stream for stream in loaded.streams.values() if lag(stream)]
    found: dict[str, int] = {}
    for chunk in log.replay(streams=late, fields=dict.fromkeys(late, ("at",))) if late else ():
        for name, rows in chunk.items():
            early = int(np.count_nonzero(rows["known"] == rows["at"]))
            if early:
                found[name] = found.get(name, 0) + early
    return found
