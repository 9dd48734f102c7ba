"""Rollbacks, wrong and right: our guard beside the rule "99 % success, three failed checks", on the same simulated rollouts.

Every rollout: 100 requests a second for 100 minutes, 5 % of them to the canary, each of a unit of its own; requests fail independently.
Ours is what `Canary(..., alarm=0.01)` does with failures: the guardrail `Misses()`, which holds a quarter of the alarm as one of the four
that are watched by default, looked at every 2 seconds. The rule checks the canary's success of every minute and rolls back at the third
minute below 99 %, as rollout controllers are commonly configured. Also: how often a test of latencies that is repeated every minute flags
what has not changed, and how often ours does. And of canaries whose slates of twenty are taken less (0.17 for 0.24), how many a step
that is over sends on: by what it asks now, and by evidence below 20 alone.

    .venv/bin/python benchmarks/rollback.py [--rollouts 2000] [--seed 0]
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from scipy.stats import ks_2samp, mannwhitneyu

from millrace.experiments.budget import bar
from millrace.guards.guardrails import DEFAULT, Misses, Reward, Scores
from millrace.models.declare import outcome
from millrace.operate.guard import Judge
from millrace.schema import Event
from millrace.types import Array, objects

RPS, SHARE, MINUTES, LOOK_S = 100, 0.05, 100, 2
SECONDS = 60 * MINUTES
PART = 1 / len(DEFAULT)
BAR = bar(0.01, PART)
CASES = {"unchanged, 0.5 %": (0.005, 0.005), "0.1 % to 0.3 %": (0.001, 0.003), "0.5 % to 10 %": (0.005, 0.10)}


class Taken(Event):
    """A row of a slate is taken."""


def failures(g: np.random.Generator, champion: float, canary: float) -> tuple[Array, Array]:
    """Return when requests failed, in seconds, ascending, and whether each was the canary's."""
    per_arm = [int(RPS * SECONDS * (1 - SHARE)), int(RPS * SECONDS * SHARE)]
    counts = [g.binomial(n, rate) for n, rate in zip(per_arm, (champion, canary), strict=True)]
    at = g.random(sum(counts)) * SECONDS
    order = np.argsort(at)
    return at[order], np.repeat([False, True], counts)[order]


def ours(at: Array, treated: Array) -> float:
    """Return after how many seconds our guard rolls back, infinity if it does not."""
    watch = Misses().watch()
    for start in range(0, len(at), 50):  # in parts, to know when: evidence is the same however it is parted
        part = slice(start, start + 50)
        before = watch.findings()[0].evidence
        watch.see(_observed(treated[part]))
        if watch.findings()[0].evidence >= BAR > before:
            return _crossed(at, treated, part)
    return np.inf


def _crossed(at: Array, treated: Array, part: slice) -> float:
    low, high = part.start, min(part.stop, len(at))
    while low < high:  # the first failure at which all seen so far is evidence enough
        middle = (low + high) // 2
        watch = Misses().watch()
        watch.see(_observed(treated[: middle + 1]))
        low, high = (low, middle) if watch.findings()[0].evidence >= BAR else (middle + 1, high)
    return float(np.ceil(at[low] / LOOK_S) * LOOK_S)


def _observed(treated: Array) -> dict[str, Array]:
    return {"treated": treated, "share": np.full(len(treated), SHARE), "missed": np.ones(len(treated), dtype=bool)}


def three_failures(at: Array, treated: Array) -> float:
    """Return after how many seconds the rule rolls back: at the third minute in which less than 99 % of the canary's requests succeed.

    Every minute has the same 300 requests of the canary: were their number to vary, the rule would roll back more of what is as good.
    """
    failed = np.bincount((at[treated] // 60).astype(int), minlength=MINUTES)
    bad = np.flatnonzero(failed > 0.01 * RPS * 60 * SHARE)
    return float((bad[2] + 1) * 60) if len(bad) > 2 else np.inf


def same_evidence(g: np.random.Generator) -> None:
    """Assert that the whole judge, given every request of ten minutes, has the evidence that the failures alone give."""
    n = RPS * 600
    treated, missed = g.random(n) < SHARE, g.random(n) < 0.005
    judge = Judge(DEFAULT[:1], 0.01, 0)
    seen = {"unit": objects(f"u{k}" for k in range(n)), "treated": treated, "share": np.full(n, SHARE), "missed": missed}
    counted = {"at": np.arange(n), "known": np.arange(n), "rows": np.ones(n, dtype=np.int64)}
    judge.see({**seen, **counted})
    watch = Misses().watch()
    watch.see(_observed(treated[missed]))
    assert abs(judge.verdict().tests[0].evidence - watch.findings()[0].evidence) < 1e-9


def latencies(g: np.random.Generator, rollouts: int) -> dict[str, float]:
    """Return how often judges of latency flag rollouts in which nothing changed: half an hour, 300 requests a minute in either arm."""
    flags = {"KS every minute, p < 0.01": 0, "Mann-Whitney every minute, p < 0.01": 0, "ours": 0}
    for _ in range(rollouts):
        canary, champion = g.lognormal(3, 0.6, 9000), g.lognormal(3, 0.6, 9000)
        looks = range(300, 9001, 300)
        flags["KS every minute, p < 0.01"] += any(chance(ks_2samp(canary[:n], champion[:n], method="asymp")) < 0.01 for n in looks)
        tests = (chance(mannwhitneyu(canary[:n], champion[:n], method="asymptotic")) < 0.01 for n in looks)
        flags["Mann-Whitney every minute, p < 0.01"] += any(tests)
        watch = Scores(bins=10, times=1).watch()  # any difference of the distribution at all, as the two tests ask
        treated = np.tile([True, False], 9000)
        watch.see({"treated": treated, "share": np.full(18000, 0.5), "score": np.stack([canary, champion], 1).ravel()})
        flags["ours"] += watch.findings()[0].evidence >= BAR
    return {name: count / rollouts for name, count in flags.items()}


def sent_on(g: np.random.Generator, rollouts: int, units: int, canary: float) -> dict[str, float]:
    """Return how often a canary goes on when its step is over, by the outcomes of so many of its units beside four times as many."""
    went = {"evidence below 20": 0, "ours": 0}
    guard = Reward(outcome(Taken, within="1h"))
    for _ in range(rollouts):
        treated = g.random(5 * units) < 0.2
        mean = np.where(treated, canary, 0.24)
        of = {"unit": objects(map(str, range(len(treated)))), "treated": treated, "share": np.full(len(treated), 0.2)}
        counted = {"at": np.arange(len(treated)), "rows": np.full(len(treated), 20)}
        judge = Judge([guard], 0.01 * PART, 0)
        judge.came([guard], {**of, **counted, "observed": g.binomial(20, g.beta(3 * mean, 3 * (1 - mean))) / 20})
        verdict = judge.verdict()
        went["evidence below 20"] += verdict.healthy and verdict.tests[0].odds < 20
        went["ours"] += verdict.healthy and not verdict.suspect
    return {name: count / rollouts for name, count in went.items()}


def chance(test: Any) -> float:
    """Return the p-value of a test."""
    return float(test.pvalue)


def main() -> None:
    """Simulate, and print what each side did."""
    options = argparse.ArgumentParser()
    options.add_argument("--rollouts", type=int, default=2000)
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    g = np.random.default_rng(asked.seed)
    same_evidence(g)
    print(f"{asked.rollouts} rollouts a case, {RPS} requests a second, {SHARE:.0%} to the canary, {MINUTES} minutes")
    wrong = (0, 0)
    spent = 0.0
    for case, rates in CASES.items():
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(asked.rollouts):
            at, treated = failures(g, *rates)
            began = time.thread_time()
            times[0].append(ours(at, treated))
            spent += time.thread_time() - began
            times[1].append(three_failures(at, treated))
        for name, one in zip(("ours", "99 %, three failed minutes"), map(np.array, times), strict=True):
            back = np.isfinite(one)
            when = [f", {share:.0%} by {np.quantile(one[back], share):.0f} s" for share in (0.5, 0.95, 0.99) if back.any()]
            print(f"{case:<18}{name:<28}rolled back {back.mean():7.2%}{''.join(when)}")
        if rates[0] == rates[1]:
            wrong = (int(np.isfinite(times[0]).sum()), int(np.isfinite(times[1]).sum()))
    print(f"ours worked {1000 * spent / asked.rollouts / len(CASES):.1f} ms a rollout")
    for name, share in latencies(g, max(asked.rollouts // 4, 1)).items():
        print(f"latency unchanged {name:<38}flags {share:.2%}")
    for units in (20, 50, 100, 200):
        for said, canary in (("as good", 0.24), ("worse, 0.17 for 0.24", 0.17)):
            went = sent_on(g, max(asked.rollouts // 4, 1), units, canary)
            print(f"{units:>3} of its units heard, {said:<22}goes on {', '.join(f'{name} {share:.1%}' for name, share in went.items())}")
    print(f"rollback ratio={(wrong[1] + 1) / (wrong[0] + 1):.1f}")  # wrong rollbacks of the rule over ours, one added to each


if __name__ == "__main__":
    main()
