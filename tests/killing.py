"""Processes killed at any line of the code they run: what a module needs to be killed in, and what a test asks it with.

The module calls `answer` when it is run, in a process that forks a child for each question: a child starts with everything imported, in a
few milliseconds, and nothing open.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any


def killed_at_line(work: Callable[[], object], modules: Collection[ModuleType], number: int) -> int:
    """Work, killed before the n-th line executed of some modules, each counted the first two times; return how many there are."""
    files = {module.__file__ for module in modules}
    executed: Counter[tuple[Any, int]] = Counter()
    lines = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal lines
        if frame.f_code.co_filename not in files:
            return None
        place = (frame.f_code, frame.f_lineno)
        if event == "line" and executed[place] < 2:
            executed[place] += 1
            lines += 1
            if lines == number:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    return lines


def ended(act: Callable[[], object], meanwhile: Callable[[int], object] = lambda child: None) -> None:
    """Act in a child, and say how it ended: "finished" with what the act returned, "killed" or "failed"."""
    child = os.fork()
    if not child:
        try:
            print("finished", act(), flush=True)
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(1)
    meanwhile(child)
    _, status = os.waitpid(child, 0)
    if status:
        print("killed" if os.WIFSIGNALED(status) else "failed", flush=True)


def answer(work: Callable[..., object], modules: Collection[ModuleType]) -> None:
    """Read lines of "ARGUMENT ... N": a child works with the arguments and is killed before the n-th line of the modules; 0 is never."""
    for line in sys.stdin:
        *arguments, number = line.split()
        ended(lambda arguments=arguments, number=number: killed_at_line(lambda: work(*arguments), modules, int(number)))


class Killers:
    """A module that runs as a process and answers."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, *words: object) -> list[str]:
        """Send a line and return what is answered."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(*words, file=self._process.stdin, flush=True)
        return self._process.stdout.readline().split()

    def at_line(self, *words: object) -> int | None:
        """Work up to a line, the last of the words; return the number of lines if that was beyond the last, None if it was killed."""
        how, *more = self.ask(*words)
        assert how in ("killed", "finished"), how
        return int(more[0]) if how == "finished" else None

    def killed(self, *words: object) -> None:
        """Work until killed."""
        how, *_ = self.ask(*words)
        assert how == "killed", f"{' '.join(map(str, words))}: {how} instead of being killed, see its traceback"


@contextmanager
def killers(module: str) -> Iterator[Killers]:
    """Run a module that answers."""
    command = [sys.executable, "-m", module]
    with subprocess.Popen(command, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Killers(process)
        assert process.stdin is not None
        process.stdin.close()
