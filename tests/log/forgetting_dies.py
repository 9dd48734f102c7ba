"""A process that forks children that forget somebody and are killed: run by `test_forget_crash.py`.

It answers lines of "FOLDER PERSON N".
"""

from pathlib import Path

import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401
import pyarrow.compute
import pyarrow.parquet  # noqa: F401  (so that no child needs to)

from millrace.log import forget, inbox, keys, lake, rejected, store, traces
from millrace.log.log import Log
from millrace.log.traces import Who
from tests.killing import answer
from tests.log.forgetting import STREAMS
from tests.log.world import NOON

AT_WORK = (forget, inbox, keys, lake, rejected, store, traces)
"""The modules whose lines are instants to be killed at."""


def forget_in(folder, person):
    """Forget somebody, as far as the log goes: from wherever an earlier attempt was interrupted."""
    with Log.open(folder / "log", STREAMS) as log:
        intent = forget.pending(log.store.folder) or forget.begin(log.store, Who("Person", person), NOON)
        intent = forget.remove(log.store, intent)
        forget.clear(log.store, intent)
        forget.end(log.store)
        return intent


if __name__ == "__main__":
    answer(lambda folder, person: forget_in(Path(folder), person), AT_WORK)
