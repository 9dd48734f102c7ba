"""Scorecards over thousands of experiments: false alarms over all arms, false finds among secondary metrics, guardrails at their margin."""

import numpy as np
import pytest

from millrace.experiments.metrics import Mean
from millrace.experiments.non_inferior import NonInferior
from millrace.experiments.readout import ReadOut
from millrace.experiments.scorecard import Scorecard
from millrace.experiments.summary import summary_of

TIMES = 10_000
MARGIN = 0.5
CARD = Scorecard(
    Mean("primary"),
    secondary=[Mean(f"moved {at}") for at in range(2)] + [Mean(f"still {at}") for at in range(2)],
    guardrails=[NonInferior(Mean("absolute"), margin=MARGIN), NonInferior(Mean("part", better="less"), margin=0.05, relative=True)],
)
NEEDS, COLUMNS = CARD.needs(), CARD.needs().columns()
SIZES = {"a": 60, "b": 40, "c": 80}


def read(g: np.random.Generator) -> ReadOut:
    """Return an experiment in which only half of the secondary metrics moved, and both guardrails are worse by exactly their margin."""
    summaries = {}
    for arm, n in SIZES.items():
        treated = arm != "a"
        columns = {column: g.normal(10, 1, n) for column in COLUMNS}
        for at in range(2):
            columns[f"moved {at}"] += 0.8 * treated
        columns["absolute"] -= MARGIN * treated
        columns["part"] *= 1.05 if treated else 1.0
        summaries[arm] = summary_of(columns, arm, NEEDS, {})
    return CARD.read(summaries, "a", SIZES)


def hold(times: int) -> None:
    g = np.random.default_rng(0)
    reads = [read(g) for _ in range(times)]
    error = np.sqrt(0.05 * 0.95 / times)
    alarms = np.mean([any(each.shown != "nothing" for each in found.of("primary")) for found in reads])
    held = np.mean([all(each.comparison.low <= 0 <= each.comparison.high for each in found.of("primary")) for found in reads])
    assert abs(alarms - 0.05) < 3 * error
    assert alarms == pytest.approx(1 - held, abs=1 / times)  # intervals and adjusted p-values say the same
    false = [_false_part(found) for found in reads]
    assert np.mean(false) < 0.05 * 0.5 + 3 * np.std(false) / np.sqrt(times)  # half of what is asked is still
    for name in ("mean of absolute", "mean of part"):
        passed = np.mean([[each.shown == "no worse" for each in found.of("guardrail") if each.metric == name] for found in reads])
        assert abs(passed - 0.05) < 3 * error


def _false_part(found: ReadOut) -> float:
    shown = [each.metric for each in found.of("secondary") if each.shown != "nothing"]
    return np.mean(["still" in name for name in shown]) if shown else 0.0


@pytest.mark.slow
def test_what_a_scorecard_promises_holds() -> None:
    hold(TIMES)


def test_what_a_scorecard_promises_holds_in_a_few_hundred() -> None:
    hold(200)
