"""The closed loop, one step at a time: watch, retrain when due, roll out what passed, roll back what is worse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from millrace.errors import Conflict
from millrace.monitors.reading import Reading
from millrace.operate.attended import Attended
from millrace.operate.guard_rollout import Rollouts
from millrace.operate.history import LogHistory
from millrace.operate.learn import Lesson, learn
from millrace.operate.published import Published
from millrace.operate.updating import Updating
from millrace.operate.watch import look, primary, watched
from millrace.serve.changing import canary
from millrace.serve.engine import Engine
from millrace.serve.release import rollout
from millrace.stores.audit import Change
from millrace.stores.journal import Alert
from millrace.stores.release import Release
from millrace.training.declare import Retrain
from millrace.types import HOUR, micros, moment

WATCH_EVERY = 3 * HOUR
"""How often monitors are asked, in microseconds."""


class Operator:
    """Operates one system: call `step` now and then; everything it does is in the journal, the audit and the releases.

    What it must remember is kept there too, so that another operator, or this one after a restart, goes on where it stopped.

    Args:
        engine: The system.
        seed: Of the learners; each training derives its own.
        progress: Told what is being done, for people who watch.
    """

    def __init__(self, engine: Engine, *, seed: int = 0, progress: Callable[[str], None] = lambda _: None) -> None:
        self.engine = engine
        published = Published(engine.loaded, engine.home.releases, engine.versions)
        self.history = LogHistory(engine.home.log, engine.loaded, published=published)
        self._name = engine.loaded.name
        self._primary = primary(engine.loaded)
        self.rollouts = Rollouts(engine.loaded, engine.home)
        self.attended = Attended(engine.home)
        self.updating = Updating(engine, self.history)
        self._seed = seed
        self._progress = progress
        self._watched = -(2**62)

    def step(self, now: int) -> list[str]:
        """Do what is due at an instant; return what was done, in sentences.

        A rollout under way is watched and moved before anything else; nothing is updated or trained while one is, and none of it happens
        while the system is halted. What fails is said, with an alert, and the rest goes on; where another operator was faster, what it
        did stands.
        """
        self.engine.reload()
        done = self._surviving(now, "the rollout", lambda: self._roll(now)) if self.engine.halt is None else []
        if self.engine.halt is None:
            done += self._surviving(now, "the update", lambda: self.updating.step(now))
        alarms = self._watch(now, done)
        if self.engine.halt is None and self.engine.standing.rollout is None and self.engine.loaded.system.retrain is not None:
            why = self._due(now, alarms)
            if why:
                done += self._surviving(now, "the training", lambda: self._train(now, why))
        return done

    def _surviving(self, now: int, what: str, act: Callable[[], list[str]]) -> list[str]:
        """Return what an act did, or what went wrong with it."""
        try:
            return act()
        except Conflict as other:
            self.engine.reload()
            return [f"{what} is left to another: {other}"]
        except Exception as error:
            said = f"{what} failed: {type(error).__name__}: {error}"
            self._alert(now, "operate", said)
            self.engine.reload()
            return [said]

    def _watch(self, now: int, done: list[str]) -> list[tuple[Any, Reading]]:
        """Return the alarms, if it is time to look for any; what they say is added to what was done."""
        if now - self._watched < WATCH_EVERY:
            return []
        self._watched = now
        alarms: list[tuple[Any, Reading]] = []
        for monitor in watched(self.engine.loaded):
            done += self._surviving(now, type(monitor).__name__, lambda monitor=monitor: self._look(monitor, now, alarms))
        return alarms

    def _look(self, monitor: Any, now: int, alarms: list[tuple[Any, Reading]]) -> list[str]:
        reading = look(self.engine, self.history, monitor, now)
        if reading is None or not reading.alarm:
            return []
        data = {"value": reading.value, "limit": reading.limit}
        self.engine.home.journal.alert(
            Alert(system=self._name, monitor=reading.monitor, at=now, severity="warning", message=reading.message, data=data)
        )
        alarms.append((monitor, reading))
        return [f"alert: {reading.message}"]

    def _due(self, now: int, alarms: list[tuple[Any, Reading]]) -> str:
        """Return why a training is due; "" when none is."""
        retrain = self._retrain
        runs = self.engine.home.journal.runs(self._name, kind="train")
        if runs and now - max(run.started for run in runs) < micros(retrain.rest):
            return ""
        if not self._has_trained() and (not runs or retrain.every is None):
            return "the first training" if self._has_waited(now) else ""
        for monitor, reading in alarms:
            if any(monitor is one or (isinstance(one, type) and isinstance(monitor, one)) for one in retrain.on):
                return f"{reading.monitor}: {reading.message}"
        learned = max((run.started for run in runs if run.status == "done"), default=self.engine.standing.at)
        return f"every {retrain.every}" if retrain.every is not None and now - learned >= micros(retrain.every) else ""

    def _has_trained(self) -> bool:
        """Whether a model serves that was trained: what follows the log by itself serves before."""
        champion = self.engine.standing.champion
        if champion is None or not self.updating.models:
            return champion is not None
        return not self.updating.models >= self.engine.home.releases.get(champion).versions.keys()

    def _has_waited(self, now: int) -> bool:
        """Whether enough has been logged for a first training: a day of decisions whose outcomes can be known."""
        window = max((one.window for one in self._primary.outcomes), default=0) if self._primary is not None else 0
        first = self.history.first_decided(now)
        return first is not None and now - first > window + micros(self._retrain.warmup)

    @property
    def _retrain(self) -> Retrain:
        return self.engine.loaded.system.retrain or Retrain()

    def _train(self, now: int, why: str) -> list[str]:
        journal = self.engine.home.journal
        run = journal.start(self._name, "train", moment(now).isoformat(), now, {"why": why})
        try:
            release, lessons = learn(
                self.engine, self.history, now, self._seed + len(journal.runs(self._name, kind="train")), why, self._progress
            )
        except Exception as error:
            journal.finish(run, now, "failed", f"{type(error).__name__}: {error}")
            raise
        said = [f"{lesson.model}: {lesson.reason}" for lesson in lessons]
        journal.finish(run, now, "done", "; ".join(said), _data(release, lessons))
        done = [f"trained because of {why}", *said]
        return done + self._begin(now, release) if release is not None and release.id != self.engine.standing.champion else done

    def _begin(self, now: int, release: Release) -> list[str]:
        """Send a release out: at once when there is no champion to compare it with, else by the first step of its rollout."""
        if self.engine.home.halts.now(self._name) is not None:  # since the training began
            return [f"{release.id} passed its gate and waits: {self._name} is halted"]
        plan = rollout(self.engine.loaded)
        releases, seen = self.engine.home.releases, self.engine.standing
        if seen.champion is None or len(plan.steps) == 1:
            releases.promote(seen, release.id, Change(at=now, who="operate", why="it passed the gate"))
            said = f"{release.id} serves"
        else:
            canary(self.engine.loaded, releases, seen, release.id, Change(at=now, who="operate", why="it passed the gate"))
            said = f"{release.id} begins with {plan.steps[0]}"
        self.engine.reload()
        return [said]

    def _roll(self, now: int) -> list[str]:
        """Watch the rollout under way: on to the next step, to the end, or back."""
        seen = self.engine.standing
        done = self.attended.step(now, seen) if Attended.holds(seen) else self.rollouts.step(now, seen)
        if done:
            self.engine.reload()
        return done

    def _alert(self, now: int, monitor: str, message: str, severity: str = "critical") -> None:
        self.engine.home.journal.alert(Alert(system=self._name, monitor=monitor, at=now, severity=severity, message=message))


def _data(release: Release | None, lessons: list[Lesson]) -> dict[str, Any]:
    return {"release": release.id if release else None, "versions": {lesson.model: lesson.version for lesson in lessons}}
