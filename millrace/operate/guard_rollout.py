"""A rollout under way: watched as the log grows, sent on step by step, or taken back the moment it is proven worse."""

from __future__ import annotations

import msgspec

from millrace.guards.guardrails import DEFAULT, Guardrail
from millrace.loaded import Loaded
from millrace.models.declare import Outcome
from millrace.operate.guard import Judge, Verdict
from millrace.operate.guard_outcomes import Came, outcome_of
from millrace.operate.guard_reading import Decided
from millrace.operate.watch import primary
from millrace.policy.act import Act
from millrace.policy.wrappers import Canary
from millrace.serve.home import Home
from millrace.serve.release import rollout, rollout_unit
from millrace.stores.audit import Change
from millrace.stores.journal import Alert, Run
from millrace.stores.releases import Releases
from millrace.stores.standing import Rollout, Standing
from millrace.types import SECOND, micros, size, take

RUN = "rollout"
"""The kind of run that a rollout is in the journal; its `data` holds the latest verdict."""
_PATIENCE = 6
"""How many times its watch a step may last while it has decided too little to be judged, or looks worse and is not proven to be; then the
gate's word must do, with an alert where nobody could judge."""
_NOTED_EVERY = 10 * SECOND
"""How often a verdict that changes nothing is written down, microseconds."""


class Watching:
    """One rollout as the guard follows it; a new one over the same log comes to the same verdicts.

    Args:
        loaded: The system.
        home: Its folder; the log is only read.
        began: When the rollout's first step began, microseconds.
        step: When its present step began.
    """

    def __init__(self, loaded: Loaded, home: Home, began: int, step: int) -> None:
        guards, outcomes = watched_for(loaded)
        plan = rollout(loaded)
        self._judge = Judge(guards, plan.alarm, step, plan.least)
        self._decided = Decided(loaded, home.log, began, rollout_unit(loaded).name)
        self._came = [(of, Came(loaded, home.log, outcome, began)) for outcome, of in outcomes]

    def look(self, now: int, step: int) -> Verdict:
        """Return the verdict on all that is known now, at a step that began at an instant."""
        self._judge.begin(step)
        decisions, seen = self._decided.more()
        self._judge.see(take(seen, seen["is_judged"]))
        for of, came in self._came:
            came.made(decisions, seen)
            for labelled in came.known(now):
                if size(labelled):
                    self._judge.came(of, labelled)
        return self._judge.verdict()


def watched_for(loaded: Loaded) -> tuple[list[Guardrail], list[tuple[Outcome, list[Guardrail]]]]:
    """Return the guardrails of a system's rollouts, and by the outcome they read those that read one.

    An outcome is what a ranking is after. What an action is taken on may be good or bad: nobody has said, so there a guardrail must.
    """
    declared = rollout(loaded).guards
    ranks = next(loaded.of(Act), None) is None
    model = primary(loaded)
    after = model.outcomes[0] if ranks and model is not None else None
    guards: list[Guardrail] = []
    outcomes: dict[str, tuple[Outcome, list[Guardrail]]] = {}
    for guard in DEFAULT if declared is None else declared:
        outcome = outcome_of(guard, after) if guard.on_outcome else None
        if guard.on_outcome and outcome is None:
            continue
        guards.append(guard)
        if outcome is not None:
            outcomes.setdefault(outcome.column, (outcome, []))[1].append(guard)
    return guards, list(outcomes.values())


def begun(releases: Releases, seen: Standing) -> int:
    """Return when the first step of the rollout under way began, microseconds."""
    began = seen.rollout.started if seen.rollout is not None else seen.at
    for one in reversed(releases.history(seen.system)):
        if one.revision <= seen.revision:
            if one.candidate != seen.candidate or one.rollout is None:
                break
            began = one.rollout.started
    return began


class Rollouts:
    """Watches and moves the rollouts of a system. All it knows it has from the log and the standing, so it may begin anew at any time.

    Args:
        loaded: The system.
        home: Its folder; the log is only read.
    """

    def __init__(self, loaded: Loaded, home: Home) -> None:
        self._loaded, self._home = loaded, home
        self._following: tuple[str, Watching] | None = None
        self._noted: tuple[int, int] = (0, 0)

    def step(self, now: int, seen: Standing) -> list[str]:
        """Do what is due at an instant, given the standing; return what was done.

        Raises:
            Conflict: Another was faster: look at the standing again.
        """
        under_way = seen.rollout
        if under_way is None:
            self._left(now, seen)
            return []
        verdict, run = self._look(now, seen, under_way)
        plan = rollout(self._loaded)
        watches = (now - under_way.started) / micros(plan.watch)
        if not verdict.healthy:
            said = self._back(now, seen, under_way, verdict)
        elif watches < 1 or ((verdict.suspect or not verdict.founded) and watches < _PATIENCE) or not verdict.shown:
            if watches >= _PATIENCE:
                self._ask(run, now, under_way, verdict)
            self._note(run, now, verdict)
            return []
        else:
            said = self._forward(now, seen, plan, under_way, verdict)
        self._end(run, now, said, verdict)
        return [said]

    def _look(self, now: int, seen: Standing, under_way: Rollout) -> tuple[Verdict, Run]:
        began = begun(self._home.releases, seen)
        key = f"{under_way.release} {began}"
        if self._following is None or self._following[0] != key:
            self._following = (key, Watching(self._loaded, self._home, began, under_way.started))
            self._noted = (0, 0)
        journal = self._home.journal
        run = journal.run(seen.system, RUN, key) or journal.start(seen.system, RUN, key, began, {"release": under_way.release})
        try:
            return self._following[1].look(now, under_way.started), run
        except Exception:
            self._following = None  # what it has read in part it reads again
            raise

    def _left(self, now: int, seen: Standing) -> None:
        """Write down that somebody else has ended the rollout that was followed."""
        key, self._following = self._following[0] if self._following is not None else "", None
        run = self._home.journal.run(seen.system, RUN, key) if key else None
        if run is not None and run.status == "running":
            self._home.journal.finish(run, now, "done", f"{seen.action} by {seen.who}: {seen.why}")

    def _back(self, now: int, seen: Standing, under_way: Rollout, verdict: Verdict) -> str:
        change = Change(at=now, who="guard", why=verdict.reason)
        self._home.releases.withdraw(seen, change)
        for version in self._home.releases.get(under_way.release).versions.values():
            if self._home.registry.get(version).stage == "candidate":  # so that the same files do not go out again
                self._home.registry.stage(version, "rejected", change)
        said = f"{under_way.release} was rolled back: {verdict.reason}"
        self._alert(now, said, "critical")
        return said

    def _forward(self, now: int, seen: Standing, plan: Canary, under_way: Rollout, verdict: Verdict) -> str:
        """Send a release on to the next step, or to everyone; where nobody could judge it, only the gate has, and that is said."""
        reason = verdict.reason if verdict.founded else f"on the gate's word alone, {verdict.reason}"
        if verdict.suspect:
            reason = f"though it looked worse to the end, {reason}"
        change = Change(at=now, who="guard", why=reason)
        releases, step = self._home.releases, under_way.step + 1
        if step >= len(plan.steps) - 1:
            releases.promote(seen, under_way.release, change)
            said = f"{under_way.release} serves everyone: {reason}"
        else:
            releases.roll_out(seen, Rollout(release=under_way.release, step=step, share=plan.shares[step], started=now), change)
            said = f"{under_way.release} goes on to {plan.steps[step]}: {reason}"
        if verdict.suspect or not verdict.founded:
            self._alert(now, said, "warning")
        return said

    def _ask(self, run: Run, now: int, under_way: Rollout, verdict: Verdict) -> None:
        """Tell people, once a step, that what must be proven is not in all that time: they may wait on, or decide."""
        if run.status == "running" and run.data.get("asked") != under_way.step:
            self._home.journal.note(run, {"asked": under_way.step})
            said = f"{under_way.release} stays at {under_way.share:.0%}, as it is not proven to be within its margin: {verdict.reason}"
            self._alert(now, f"{said}; it waits on, unless somebody promotes or withdraws it", "warning")

    def _note(self, run: Run, now: int, verdict: Verdict) -> None:
        """Write down a verdict, if there is news and the last was written a while ago."""
        if verdict.until != self._noted[1] and now - self._noted[0] >= _NOTED_EVERY and run.status == "running":
            self._home.journal.note(run, {"verdict": msgspec.to_builtins(verdict)})
            self._noted = (now, verdict.until)

    def _end(self, run: Run, now: int, said: str, verdict: Verdict) -> None:
        """Write down the verdict that a change rests on, and that the rollout is over if it is."""
        if run.status != "running":
            return
        data = {"verdict": msgspec.to_builtins(verdict), "verdicts": [*run.data.get("verdicts", ()), {"at": now, "said": said}]}
        if self._home.releases.standing(run.system).candidate == run.data["release"]:
            self._home.journal.note(run, data)
        else:
            self._home.journal.finish(run, now, "done" if verdict.healthy else "failed", said, data)

    def _alert(self, now: int, said: str, severity: str) -> None:
        self._home.journal.alert(Alert(system=self._loaded.name, monitor="guard", at=now, severity=severity, message=said))
