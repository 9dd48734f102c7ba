"""What Thompson sampling earned in a fashion shop, judged from recommendations by chance, and the reverse: beside what it earned in truth.

Each campaign has a log of both, so what is estimated from one can be held against the other. A policy's probabilities are how often it
showed each item in each place. Read from MILLRACE_DATA or the folder given; the same code runs on the full data set, or on any campaign
whose files have the same columns.

    .venv/bin/python benchmarks/open_bandit.py --data FOLDER
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from millrace.datasets.loading import read
from millrace.datasets.open_bandit import CAMPAIGNS, OPEN_BANDIT, PLACES, Shown, campaign
from millrace.evaluation.judging import Judging, PolicyValue
from millrace.evaluation.off_policy import ips, snips
from millrace.evaluation.off_policy_models import direct_method, doubly_robust, mrdr, switch_dr
from millrace.evaluation.reasons import Refused
from millrace.evaluation.reward_models import linear_rewards
from millrace.types import Array

REG = 100.0
"""The model of clicks is a mean by item and place, drawn as far to the overall one as a hundred further impressions would."""


def judged(log: Shown, does: Array, how: Judging) -> dict[str, PolicyValue]:
    """Return what a policy is worth by every estimator.

    Args:
        log: What another policy showed.
        does: The probability of each item in each place. Shape (items, places).
        how: The interval.
    """
    rows = log.clicked, log.propensity, does[log.item, log.place]
    logged = np.eye(PLACES * log.items)[log.place * log.items + log.item]
    chosen = (np.eye(PLACES)[log.place][:, :, None] * does.T).reshape(len(log.item), -1)
    model = linear_rewards(log.clicked, logged, chosen, reg=REG)
    said = {"predicted": model.logged, "expected": model.target, "how": how}
    return {
        "ips": ips(*rows, how=how),
        "snips": snips(*rows, how=how),
        "clipped at 10": ips(*rows, clip=10.0, how=how),
        "direct": direct_method(model.target, how=how),
        "doubly robust": doubly_robust(*rows, **said),
        "switch": switch_dr(*rows, **said),
        "mrdr": mrdr(*rows, logged=logged, chosen=chosen, reg=REG, how=how),
    }


def main(
    data: Annotated[Path | None, typer.Option(help="The folder of data sets; else MILLRACE_DATA.")] = None,
    interval: Annotated[str, typer.Option(help="student, normal, bootstrap or studentised.")] = "student",
) -> None:
    tables, held, asked = read(OPEN_BANDIT, data), 0, 0
    how = Judging(interval=interval, rewards=(0.0, 1.0))  # type: ignore[arg-type]
    for name in CAMPAIGNS:
        chance, thompson = campaign(tables, name)
        uniform = np.full((chance.items, PLACES), 1 / chance.items)
        for said, log, does, truth in (
            ("Thompson from chance", chance, thompson.frequencies(), thompson.clicked),
            ("chance from Thompson", thompson, uniform, chance.clicked),
        ):
            error = 1.96 * truth.std() / np.sqrt(len(truth))
            print(f"{name}, {said}: earned {truth.mean():.5f} ({truth.mean() - error:.5f} to {truth.mean() + error:.5f})")
            try:
                found = judged(log, does, how)
            except Refused as refused:
                print(f"  refused: {refused}")
                continue
            for estimator, value in found.items():
                holds = value.low <= truth.mean() <= value.high
                held, asked = held + holds * (estimator != "direct"), asked + (estimator != "direct")
                said = f"{value.value:.5f} ({value.low:.5f} to {value.high:.5f})"
                print(f"  {estimator:14} {said} worth {value.effective_sample_size:6,.0f}{'' if holds else ' misses'}")
    print(f"open_bandit ratio={held / max(asked, 1):.2f}")


if __name__ == "__main__":
    typer.run(main)
