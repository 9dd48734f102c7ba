"""A process that forks children that forget somebody and are killed: run by `test_forget_crash.py`.

It reads lines of "FOLDER PERSON N": a child forgets and kills itself before the n-th line executed of the code that forgets (0 is never);
and answers how the child ended.
"""

import os
import signal
import sys
from collections import Counter
from pathlib import Path

import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401
import pyarrow.compute
import pyarrow.parquet  # noqa: F401  (so that no child needs to)

from millrace.log import forget, inbox, keys, lake, rejected, store, traces
from millrace.log.log import Log
from millrace.log.traces import Who
from tests.log.forgetting import STREAMS
from tests.log.world import NOON

AT_WORK = {module.__file__ for module in (forget, inbox, keys, lake, rejected, store, traces)}
"""The files whose lines are instants to be killed at."""


def forget_in(folder, person):
    """Forget somebody, as far as the log goes: from wherever an earlier attempt was interrupted."""
    with Log.open(folder / "log", STREAMS) as log:
        intent = forget.pending(log.store.folder) or forget.begin(log.store, Who("Person", person), NOON)
        intent = forget.remove(log.store, intent)
        forget.clear(log.store, intent)
        forget.end(log.store)
        return intent


def killed_at_line(folder, person, number):
    """Forget, killed before the n-th line, each counted the first two times; return how many there are."""
    executed, lines = Counter(), 0

    def trace(frame, event, argument):
        nonlocal lines
        if frame.f_code.co_filename not in AT_WORK:
            return None
        place = (frame.f_code, frame.f_lineno)
        if event == "line" and executed[place] < 2:
            executed[place] += 1
            lines += 1
            if lines == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    forget_in(folder, person)
    sys.settrace(None)
    return lines


def main():
    for line in sys.stdin:
        folder, person, number = line.split()
        child = os.fork()
        if not child:
            try:
                print("finished", killed_at_line(Path(folder), person, int(number)), flush=True)
                os._exit(0)
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        if status:
            print("killed" if os.WIFSIGNALED(status) else "failed", flush=True)


if __name__ == "__main__":
    main()
