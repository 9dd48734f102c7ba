"""The figures of a demonstration: what was measured, beside what the world knows."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from millrace.demo.story import Story
from millrace.demo.truth import Truth, Worth
from millrace.experiments.comparison import Comparison
from millrace.experiments.contrast import contrast
from millrace.experiments.metric import PLAIN
from millrace.experiments.two_arms import two_arms
from millrace.loaded import Loaded
from millrace.operate.verify import Proof
from millrace.serve.home import Home
from millrace.training.attribution import join_keys, label
from millrace.types import DAY, HOUR, Array, moment


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a demonstration came to.

    Attributes:
        days: Simulated days.
        decisions: Decisions served.
        true_lift: Expected completions in the arm with the model over those in the arm with popularity, less 1, since a model first served.
        measured_lift: The same as the experiment measured it from what happened.
        measured_low, measured_high: Its 95 % interval.
        true_lift_alone: The arm with the model over popularity in the same world without any model. It is larger than the lift between
            the arms when popularity, beside a model, shows what the model has found.
        shock_at, noticed_at, recovered_at: When tastes changed, when a monitor first said so, when a model that had learned from the new
            tastes served everyone. ISO 8601; None for never.
        hours_to_notice, hours_to_recover: From the shock.
        regret_before: What each place shown lost against the best there was, in expected completions, in the day before the shock.
        regret_after: The same in the day after it.
        regret_recovered: The same in the last day.
        releases: Releases that served.
        rollbacks: Releases that were rolled back.
        parity_values: Feature values recomputed from the log.
        parity_mismatches: Those that were not what was served.
        p50_ms, p99_ms: From question to logged answer, one request at a time, on this machine.
        seconds: How long it took.
    """

    days: float
    decisions: int
    true_lift: float
    measured_lift: float
    measured_low: float
    measured_high: float
    true_lift_alone: float
    shock_at: str
    noticed_at: str | None
    recovered_at: str | None
    hours_to_notice: float | None
    hours_to_recover: float | None
    regret_before: float
    regret_after: float
    regret_recovered: float
    releases: int
    rollbacks: int
    parity_values: int
    parity_mismatches: int
    p50_ms: float
    p99_ms: float
    seconds: float

    def rows(self) -> list[tuple[str, str]]:
        """Return them as lines for people."""
        return [
            ("decisions served", f"{self.decisions:,} in {self.days:g} simulated days"),
            ("true lift over the popularity arm", f"{self.true_lift:+.1%} completions"),
            (
                "measured by the experiment",
                f"{self.measured_lift:+.1%}  (95 % interval {self.measured_low:+.1%} to {self.measured_high:+.1%})",
            ),
            (
                "true lift over popularity alone",
                f"{self.true_lift_alone:+.1%}  (beside a model, popularity shows what the model has found)",
            ),
            ("tastes changed", _shown(self.shock_at)),
            ("noticed", f"{_shown(self.noticed_at)}{_after(self.hours_to_notice)}"),
            ("a model of the new tastes served", f"{_shown(self.recovered_at)}{_after(self.hours_to_recover)}"),
            (
                "regret a place: before, after, at the end",
                f"{self.regret_before:.3f}, {self.regret_after:.3f}, {self.regret_recovered:.3f} completions",
            ),
            ("releases served, rolled back", f"{self.releases}, {self.rollbacks}"),
            ("replay parity", f"{self.parity_mismatches} mismatches in {self.parity_values:,} values"),
            ("latency of one decision", f"p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms"),
            ("the run took", f"{self.seconds:.0f} s"),
        ]


def _shown(at: str | None) -> str:
    return "never" if at is None else at[:16].replace("T", " ")


def _after(hours: float | None) -> str:
    return "" if hours is None else f"  (after {hours:.1f} hours)"


def figures(
    loaded: Loaded, history: Any, home: Home, truth: Truth, alone: Worth, story: Story, proof: Proof, waits: Array, seconds: float, now: int
) -> Figures:
    """Return the figures of a run that has ended.

    Args:
        loaded: The system.
        history: Its log, as training reads it.
        home: Where its releases and alerts are.
        truth: What the world knows.
        alone: What popularity earned in the same world without a model.
        story: What happened when.
        proof: Of replay parity.
        waits: How long single decisions took, milliseconds. Shape (n,).
        seconds: How long the run took.
        now: Its end, microseconds.
    """
    standings = home.releases.history(loaded.name)
    first = next(one.at for one in standings if one.action == "promote")
    alerts = [alert.at for alert in home.journal.alerts(loaded.name, since=story.shock)]
    noticed = min(alerts, default=None)
    recovered = _recovered(home, loaded.name, story.shock)
    measured = _measured(loaded, history, first, now)
    return Figures(
        days=story.day(story.end),
        decisions=truth.worth.requests + len(waits),
        true_lift=truth.worth.mean(first, "ranked") / truth.worth.mean(first, "popular") - 1,
        measured_lift=_known(measured.relative),
        measured_low=_known(measured.relative_low),
        measured_high=_known(measured.relative_high),
        true_lift_alone=truth.worth.mean(first, "ranked") / alone.mean(first) - 1,
        shock_at=moment(story.shock).isoformat(),
        noticed_at=None if noticed is None else moment(noticed).isoformat(),
        recovered_at=None if recovered is None else moment(recovered).isoformat(),
        hours_to_notice=None if noticed is None else (noticed - story.shock) / HOUR,
        hours_to_recover=None if recovered is None else (recovered - story.shock) / HOUR,
        regret_before=truth.regret(story.shock - DAY, story.shock),
        regret_after=truth.regret(story.shock, story.shock + DAY),
        regret_recovered=truth.regret(story.end - DAY, story.end),
        releases=sum(one.action == "promote" for one in standings),
        rollbacks=sum(one.action in ("withdraw", "roll back") for one in standings),
        parity_values=proof.values,
        parity_mismatches=len(proof.mismatches),
        p50_ms=float(np.percentile(waits, 50)),
        p99_ms=float(np.percentile(waits, 99)),
        seconds=seconds,
    )


def _known(part: float | None) -> float:
    return float("nan") if part is None else part


def _recovered(home: Home, system: str, shock: int) -> int | None:
    """Return when a release first served everyone whose every version has learned from what came after the shock."""
    for standing in home.releases.history(system):
        if standing.action == "promote" and standing.at > shock and standing.champion is not None:
            versions = home.releases.get(standing.champion).versions.values()
            if all(home.registry.get(version).lineage.known_until > shock for version in versions):
                return standing.at
    return None


def _measured(loaded: Loaded, history: Any, since: int, now: int) -> Comparison:
    """Return the experiment's own read-out: completions per place shown, viewers assigned."""
    outcome = loaded.models["ranker"].outcomes[0]
    rows = history.decided(since, now)
    keys = join_keys(outcome, loaded.system.request, loaded.system.candidate)
    value = label(outcome, rows, history.events(outcome.stream, now), keys, now)
    known = ~np.isnan(value)
    treated = np.array([str(arm).split("/")[-1] == "ranked" for arm in rows["arm"].tolist()], dtype=bool)
    arms = two_arms(value[known], treated[known], cluster=rows["viewer"][known]).figures("completions")
    return contrast("completions", *arms, PLAIN, method="delta method")
