"""The closed loop, one step at a time: watch, retrain when due, roll out what passed, roll back what is worse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from millrace.errors import Conflict
from millrace.monitors.reading import Reading
from millrace.operate.guard import Opinion, judge_canary
from millrace.operate.history import LogHistory
from millrace.operate.learn import Lesson, learn
from millrace.operate.published import Published
from millrace.operate.watch import learning, look, primary, watched
from millrace.policy.act import Act
from millrace.serve.engine import Engine
from millrace.serve.release import rollout, rollout_unit
from millrace.stores.audit import Change
from millrace.stores.journal import Alert
from millrace.stores.release import Release
from millrace.stores.standing import Rollout, Standing
from millrace.training.attribution import join_keys, label
from millrace.training.declare import Retrain
from millrace.types import HOUR, Array, Columns, micros, moment, take

WATCH_EVERY = 3 * HOUR
"""How often monitors are asked, in microseconds."""


_PATIENCE = 6
"""How many times its watch a step may last while it has decided too little to be judged; then the gate's word must do, with an alert."""


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
        # An outcome is what a ranking is after. What an action is taken on may be good or bad: nobody has said.
        self._ranks = next(engine.loaded.of(Act), None) is None
        self._seed = seed
        self._progress = progress
        self._watched = -(2**62)

    def step(self, now: int) -> list[str]:
        """Do what is due at an instant; return what was done, in sentences.

        A rollout under way is watched and moved before anything else; nothing is trained while one is. What fails is said, with an
        alert, and the rest goes on; where another operator was faster, what it did stands.
        """
        self.engine.reload()
        done = self._surviving(now, "the rollout", lambda: self._roll(now))
        alarms = self._watch(now, done)
        if self.engine.standing.rollout is None and self.engine.loaded.system.retrain is not None:
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
        if self.engine.standing.champion is None and (not runs or retrain.every is None):
            return "the first training" if self._has_waited(now) else ""
        for monitor, reading in alarms:
            if any(monitor is one or (isinstance(one, type) and isinstance(monitor, one)) for one in retrain.on):
                return f"{reading.monitor}: {reading.message}"
        learned = max((run.started for run in runs if run.status == "done"), default=self.engine.standing.at)
        return f"every {retrain.every}" if retrain.every is not None and now - learned >= micros(retrain.every) else ""

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
        plan = rollout(self.engine.loaded)
        releases, seen = self.engine.home.releases, self.engine.standing
        if seen.champion is None or len(plan.steps) == 1:
            releases.promote(seen, release.id, Change(at=now, who="operate", why="it passed the gate"))
            said = f"{release.id} serves"
        else:
            first = Rollout(release=release.id, step=0, share=plan.steps[0], started=now)
            releases.roll_out(seen, first, Change(at=now, who="operate", why="it passed the gate"))
            said = f"{release.id} begins with {plan.steps[0]:.0%}"
        self.engine.reload()
        return [said]

    def _roll(self, now: int) -> list[str]:
        """Watch the rollout under way: on to the next step, to the end, or back."""
        seen = self.engine.standing
        if seen.rollout is None:
            return []
        plan, under_way = rollout(self.engine.loaded), seen.rollout
        due = now - under_way.started >= micros(plan.watch)
        opinion = judge_canary(*self._side_by_side(under_way, now), due=due)
        releases = self.engine.home.releases
        if not opinion.healthy:
            releases.withdraw(seen, Change(at=now, who="guard", why=opinion.reason))
            self._reject(under_way.release, Change(at=now, who="guard", why=opinion.reason))
            self._alert(now, "guard", f"{under_way.release} was rolled back: {opinion.reason}")
            said = f"{under_way.release} was rolled back: {opinion.reason}"
        elif not due or (not opinion.founded and now - under_way.started < _PATIENCE * micros(plan.watch)):
            return []
        else:
            said = self._forward(now, seen, under_way, opinion)
        self.engine.reload()
        return [said]

    def _forward(self, now: int, seen: Standing, under_way: Rollout, opinion: Opinion) -> str:
        """Send a release on to the next step, or to everyone; where nobody could judge it, only the gate has, and that is said."""
        plan, releases = rollout(self.engine.loaded), self.engine.home.releases
        reason = opinion.reason if opinion.founded else f"on the gate's word alone, {opinion.reason}"
        change = Change(at=now, who="guard", why=reason)
        step = under_way.step + 1
        if step >= len(plan.steps) - 1:
            releases.promote(seen, under_way.release, change)
            said = f"{under_way.release} serves everyone: {reason}"
        else:
            releases.roll_out(seen, Rollout(release=under_way.release, step=step, share=plan.steps[step], started=now), change)
            said = f"{under_way.release} goes on to {plan.steps[step]:.0%}: {reason}"
        if not opinion.founded:
            self._alert(now, "guard", said, severity="warning")
        return said

    def _reject(self, release: str, change: Change) -> None:
        """Reject the versions a rolled back release brought, so that the same files do not go out again."""
        registry = self.engine.home.registry
        for version in self.engine.home.releases.get(release).versions.values():
            if registry.get(version).stage == "candidate":
                registry.stage(version, "rejected", change)

    def _side_by_side(self, under_way: Rollout, now: int) -> tuple[Columns, Array | None, Array]:
        """Return the rows decided since this step began, what they brought where that is known, and who each was assigned by."""
        loaded = self.engine.loaded
        rows = self.history.decided(under_way.started, now)
        # Where no model takes part a release changes nothing: such rows would only hide what it does to the others.
        rows = take(rows, rows["missed"] | np.isin(rows["policy"].astype(str), learning(loaded)))
        unit = rows[rollout_unit(loaded).name]
        reward = np.full(len(unit), np.nan) if self._ranks else None
        if reward is not None and self._primary is not None and len(unit):
            outcome = self._primary.outcomes[0]
            keys = join_keys(outcome, loaded.system.request, loaded.system.candidate)
            reward = label(outcome, rows, self.history.events(outcome.stream, now), keys, now)
        return {"arm": rows["arm"], "fell_back": rows["missed"], "action": rows["action"]}, reward, unit

    def _alert(self, now: int, monitor: str, message: str, severity: str = "critical") -> None:
        self.engine.home.journal.alert(Alert(system=self._name, monitor=monitor, at=now, severity=severity, message=message))


def _data(release: Release | None, lessons: list[Lesson]) -> dict[str, Any]:
    return {"release": release.id if release else None, "versions": {lesson.model: lesson.version for lesson in lessons}}
