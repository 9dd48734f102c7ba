"""`millrace train`, `promote`, `rollback`: new versions, and which of them serves."""

from __future__ import annotations

from pathlib import Path

from millrace.cli.acting import by_hand, person
from millrace.cli.opening import Desk, reading
from millrace.cli.printing import console, number, progress, table
from millrace.errors import NotFound, TrainingError
from millrace.operate.learn import Lesson, learn
from millrace.serve.changing import go_back
from millrace.serve.clock import wall
from millrace.serve.release import rollout
from millrace.stores.release import Release
from millrace.types import moment


def train(system: str, folder: Path, *, promote: bool, seed: int) -> None:
    """Train every model as of the last record, print what the gate says of each, and release what passed.

    It works beside a running server, which installs what is promoted within seconds.

    Args:
        system: The module.
        folder: The system's home.
        promote: Let the release serve at once, unless another is beside the champion or the system is halted.
        seed: Of the learners.

    Raises:
        NotFound: The system has no model, or nothing was ever logged.
        TrainingError: No model could be trained; the table says what the log lacks.
    """
    with reading(system, folder) as desk:
        if not desk.loaded.models:
            raise NotFound(f"{desk.loaded.name} has no model: its rules decide alone, there is nothing to train")
        release, lessons = _learned(desk, seed)
        _print(lessons)
        if release is None and not any(lesson.gate for lesson in lessons):
            raise TrainingError("no model could be trained: the table says what the log lacks")
        if release is None:
            console().print(f"nothing passed its gate: {desk.standing.champion} goes on serving")
        elif release.id == desk.standing.champion:
            console().print(f"{release.id} serves already")
        elif not promote:
            console().print(f"{release.id} waits: {_next_of(desk, system, release.id)}")
        elif busy := _busy(desk):
            console().print(f"{release.id} waits, as {busy}; afterwards: {_next_of(desk, system, release.id)}")
        else:
            _promote(desk, release.id, "trained and passed its gate")


def _busy(desk: Desk) -> str:
    """Return what a training must not put an end to; "" where nothing is under way."""
    if desk.home.halts.now(desk.loaded.name) is not None:
        return f"{desk.loaded.name} is halted"
    standing = desk.standing
    return f"{standing.candidate} is beside {standing.champion}" if standing.candidate is not None else ""


def _next_of(desk: Desk, system: str, release: str) -> str:
    """Return what to type for a release that waits: by steps where there is something to compare it with, else at once."""
    by_steps = desk.standing.champion is not None and len(rollout(desk.loaded).steps) > 1
    return f"millrace rollout canary {system} {release}, or millrace promote" if by_steps else f"millrace promote {system} {release}"


def _learned(desk: Desk, seed: int) -> tuple[Release | None, list[Lesson]]:
    """Train as of the last record of the log, and write the run into the journal, as the operator does."""
    now, journal = wall(), desk.home.journal
    horizon = desk.home.log.last_known + 1
    run = journal.start(desk.loaded.name, "train", moment(now).isoformat(), now, {"why": person()})
    try:
        with progress() as shown:
            task = shown.add_task("reading the log", total=len(desk.loaded.models), said="")
            begun = iter(range(len(desk.loaded.models) + 1))

            def tell(said: str) -> None:
                shown.update(task, description=said, completed=next(begun))

            release, lessons = learn(desk, desk.history, horizon, seed, "trained by hand", tell, at=now, who=person())
    except BaseException as error:
        journal.finish(run, wall(), "failed", f"{type(error).__name__}: {error}")
        raise
    message = "; ".join(f"{lesson.model}: {lesson.reason}" for lesson in lessons)
    versions = {lesson.model: lesson.version for lesson in lessons}
    journal.finish(run, wall(), "done", message, {"release": release.id if release else None, "versions": versions})
    return release, lessons


def _print(lessons: list[Lesson]) -> None:
    rows = table("Lessons", "model", "gate", "champion", "challenger", "verdict", "why", numbers=("champion", "challenger"))
    for one in lessons:
        verdict = "passed" if one.passed else "refused" if one.gate else "not trained"
        rows.add_row(one.model, one.gate or "–", number(one.champion), number(one.challenger), verdict, one.reason)
    console().print(rows)
    for one in lessons:
        if one.logged or one.back_filled:
            said = f"{number(one.logged)} values as they were served, {number(one.back_filled)} back-filled from the log"
            console().print(f"{one.model} read {said}", style="dim")


def promote(system: str, release: str, folder: Path, why: str) -> None:
    """Let a release serve everyone; a running server installs it within seconds.

    Raises:
        NotFound: There is no such release.
        Conflict: It serves already, or one of its versions was rejected.
    """
    with reading(system, folder) as desk:
        _promote(desk, release, why)


def _promote(desk: Desk, release: str, why: str) -> None:
    standing = desk.home.releases.promote(desk.standing, release, by_hand(why))
    console().print(f"{standing.champion} serves")


def rollback(system: str, folder: Path, why: str) -> None:
    """Go back to the release that served before (during a canary or a switch to the champion alone), and end any rollout.

    A running server follows within seconds.

    Raises:
        Conflict: No release served before.
    """
    with reading(system, folder) as desk:
        seen = desk.standing
        standing = go_back(desk.home.releases, seen, by_hand(why))
        left = seen.champion if standing.champion != seen.champion else seen.candidate
        console().print(f"{standing.champion} serves again, {left} no longer")
