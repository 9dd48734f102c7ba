"""What bandits lose while they learn: regret after some hundred pulls of ten arms whose chances are uniform on [0, 1].

Beside ours run those of mabwiser, on the same arms and runs, with seeds of their own. Processor time per pull is printed too: ours computes
the chance of every arm and states it, for which mabwiser has nothing; a server asks for it once for all requests about the same arms.

    nice .venv/bin/python benchmarks/bandits.py [--runs 40] [--pulls 500]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from mabwiser.mab import MAB, LearningPolicy

from millrace import UCB1, EpsilonGreedy, Thompson
from millrace.experiments.regret import lai_robbins
from millrace.models.belief import IS_SHARE, SEEN, SPREAD
from millrace.policy.chances import drawn
from millrace.policy.choosing import Chooser
from millrace.types import Array

ARMS = 10
OURS = {"random": EpsilonGreedy(epsilon=1), "UCB1": UCB1(), "epsilon-greedy": EpsilonGreedy(epsilon=0.1), "Thompson": Thompson()}
PEER = {
    "random": LearningPolicy.Random(),
    "UCB1": LearningPolicy.UCB1(alpha=1),
    "epsilon-greedy": LearningPolicy.EpsilonGreedy(epsilon=0.1),
    "Thompson": LearningPolicy.ThompsonSampling(),
}


def ours(chooser: Chooser, means: Array, pulls: int, g: np.random.Generator) -> float:
    """Return the regret of a chooser that learns of each pull at once."""
    won, lost, regret = np.zeros(ARMS), np.zeros(ARMS), 0.0
    for _ in range(pulls):
        a, b = won + 1, lost + 1
        spread = np.sqrt(a * b / (a + b + 1)) / (a + b)
        rows = {"score": a / (a + b), SPREAD: spread, SEEN: won + lost, IS_SHARE: np.ones(ARMS, dtype=bool)}
        arm = int(drawn(chooser.chances(rows, 1), g.random())[0])
        win = g.random() < means[arm]
        won[arm] += win
        lost[arm] += 1 - win
        regret += means.max() - means[arm]
    return regret


def peers(policy: LearningPolicy, means: Array, pulls: int, g: np.random.Generator) -> float:
    """Return the regret of the peer, which is shown every arm once as it asks for."""
    bandit = MAB(list(range(ARMS)), policy, seed=int(g.integers(2**31)))
    first = (g.random(ARMS) < means).astype(int)
    bandit.fit(list(range(ARMS)), first.tolist())
    regret = float((means.max() - means).sum())
    for _ in range(pulls - ARMS):
        arm = int(bandit.predict())  # type: ignore[arg-type]  # one arm where no contexts are given
        bandit.partial_fit([arm], [int(g.random() < means[arm])])
        regret += means.max() - means[arm]
    return regret


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--pulls", type=int, default=500)
    asked = parser.parse_args()
    arms = [np.random.default_rng([9, run]).random(ARMS) for run in range(asked.runs)]
    bound = float(np.median([lai_robbins(means) for means in arms])) * np.log(asked.pulls)
    print(f"{asked.runs} runs of {asked.pulls} pulls; Lai and Robbins' bound (median, for many pulls): {bound:.0f}")
    print(f"{'':>16} {'ours':>16} {'µs a pull':>10} {'mabwiser':>16} {'µs a pull':>10}")
    regret: dict[str, float] = {}
    for name, chooser in OURS.items():
        line = f"{name:>16}"
        for who, play in (("ours", lambda *rest, one=chooser: ours(one, *rest)), ("peer", lambda *rest, one=PEER[name]: peers(one, *rest))):
            began = time.process_time()
            found = [play(means, asked.pulls, np.random.default_rng([run])) for run, means in enumerate(arms)]
            took = (time.process_time() - began) / (asked.runs * asked.pulls)
            regret[f"{who} {name}"] = float(np.mean(found))
            line += f" {np.mean(found):9.1f} ± {np.std(found) / len(found) ** 0.5:4.1f} {took * 1e6:10.0f}"
        print(line, flush=True)
    print(f"Thompson's regret over epsilon-greedy's: {regret['ours Thompson'] / regret['ours epsilon-greedy']:.2f}")
    print(f"bandits ratio={regret['peer Thompson'] / regret['ours Thompson']:.2f}")


if __name__ == "__main__":
    main()
