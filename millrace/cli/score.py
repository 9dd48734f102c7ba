"""`millrace score`: many requests decided into a file, by exactly the policy that serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from millrace.cli.opening import reading, writing
from millrace.cli.printing import console, number, progress, when
from millrace.errors import BadInput, Conflict
from millrace.loaded import Loaded
from millrace.operate.as_of import AsOf
from millrace.operate.scored_rows import columns_of
from millrace.operate.scoring import Decide, Scoring
from millrace.serve.clock import wall
from millrace.serve.engine import Engine
from millrace.serve.home import Home


def score(system: str, given: Path, output: Path, at_once: int, folder: Path, *, log: bool) -> None:
    """Decide the requests of a Parquet file into another.

    Args:
        system: The module.
        given: The file of requests.
        output: The file to write.
        at_once: How many requests to decide together.
        folder: The system's home.
        log: Whether to log the decisions, so that the system learns from what comes of them; then nothing else may write to the log.

    Raises:
        BadInput: A file cannot be used; the message names it, or row and field.
        NotFound: Nothing was ever logged.
        Conflict: The decisions are to be logged, and another process writes to the log; or they are not, and the system is halted.
        Unavailable: The disk is full; what is done stays, and the same command goes on from there.
    """
    out = console()
    if output.suffix != ".parquet":
        said = f"{output}: decisions are written as Parquet, under no other name"
        raise BadInput(f"{said}: give --output {output.with_suffix('.parquet')}", field="output")
    if output.exists() and output.samefile(given):
        raise BadInput(f"{output} is the file of requests, which the decisions would replace: name another --output", field="output")
    with _opened(system, folder, log=log) as (loaded, home), progress() as shown:
        _, strange = columns_of(given, loaded)
        if strange:
            out.print(f"left out, as no field of {loaded.system.request.__name__}: {', '.join(strange)}", style="dim")
        if not log and home.halts.now(loaded.name) is not None:
            raise Conflict(f"{loaded.name} is halted, what serves is not what its releases say: millrace rollout resume {system} first")
        standing = home.releases.standing(loaded.name)
        begun = Scoring.how(given, loaded, home.log.last_known + 1, standing, at_once, home.log.forgotten, is_logged=log)
        work = Scoring(given, output, begun, home.spills)
        if work.is_resumed:
            out.print(f"goes on where it was interrupted, as of {when(work.begun.at)}; delete {work.folder} to begin anew", style="dim")
        task = shown.add_task("reading the log", total=_rows(given), said="")

        def tell(done: int) -> None:
            shown.update(task, description="deciding", completed=done, said=f"{done:,}")

        with _decider(loaded, home, work) as (decide, failures):
            n = work.run(loaded, decide, tell)
    for name, why in failures.items():
        out.print(f"{name} failed and was left out: {why}", style="yellow")
    release = work.begun.standing.champion or "no release: what serves before the first one"
    out.print(f"{output}: {number(n)} requests decided by {release}, as of {when(work.begun.at)}{', logged' if log else ''}")


@contextmanager
def _opened(system: str, folder: Path, *, log: bool) -> Iterator[tuple[Loaded, Home]]:
    with reading(system, folder) as desk:
        if not log:
            yield desk.loaded, desk.home
    if log:
        with writing(desk.loaded, folder) as home:
            yield desk.loaded, home


@contextmanager
def _decider(loaded: Loaded, home: Home, work: Scoring) -> Iterator[tuple[Decide, dict[str, str]]]:
    """Give what decides, and what of it failed, by name."""
    if not work.begun.is_logged:
        fixed = AsOf(loaded, home, work.begun.at, work.begun.standing)
        yield fixed.decide, fixed.failures
        return
    failures: dict[str, str] = {}
    engine = Engine(loaded, home, now=wall, patient=True)
    try:
        yield engine.decide, failures
    finally:
        failures.update(engine.failures)
        engine.close()


def _rows(path: Path) -> int:
    from pyarrow.parquet import read_metadata

    return read_metadata(path).num_rows
