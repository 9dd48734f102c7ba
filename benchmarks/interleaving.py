"""How many viewers does it take to find the better of two rankers: an A/B test by viewer beside interleaving, in a search-like world.

Viewers make five queries each, look at place i with chance 1 / i, and click by an answer's grade, by how keen they are, or for no reason.
The old ranker is the new one with noise upon its scores. Sample sizes are those of the normal approximation at 5 % significance (two-sided)
and 80 % power, from expectations and variances that are summed up exactly over queries, kinds of viewers and throws of the draft's coins;
`tests/experiments/simulated/test_interleaving.py` shows by simulation that tests of these sizes have that power. The A/B test goes by the
most sensitive of five metrics, known beforehand, which flatters it.

    .venv/bin/python benchmarks/interleaving.py [--seeds 3]
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy import special

from tests.experiments.search_world import METRICS, QUERIES, World, viewers_by_arms, viewers_by_draft

REACH = float(special.ndtri(0.975) + special.ndtri(0.8))
NOISE = (0.15, 0.3, 0.6, 0.9)
SHOWN = 0.3
"""The noise that comes to about a hundredth of NDCG@10: what the last line is of."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    print(f"{'gain in NDCG@10':>16} {'queries each':>13} {'A/B by':>36} {'A/B':>10} {'picks':>8} {'team-draft':>11} {'ratio':>7}")
    ratios: list[float] = []
    for noise in NOISE:
        for seed in seeds:
            world = World.made(noise, seed=seed)
            for queries in (1, QUERIES):
                found = {name: viewers_by_arms(world, metric, REACH, queries) for name, metric in METRICS.items()}
                best = min(found, key=lambda name: found[name])
                picks, averaged = (viewers_by_draft(world, worth, REACH, queries) for worth in (world.thrown, world.averaged))
                ratio = found[best] / averaged
                print(f"{world.gain:16.4f} {queries:13d} {best:>36} {found[best]:10,.0f} {picks:8,.0f} {averaged:11,.0f} {ratio:7.1f}")
                if noise == SHOWN and queries == QUERIES:
                    ratios.append(ratio)
    print(f"interleaving ratio={np.median(ratios):.1f}")


if __name__ == "__main__":
    main()
