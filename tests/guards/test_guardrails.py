"""Guardrails as declared: what cannot be meant is refused, in a sentence that says what to do."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from millrace import FairnessGap, Latency, Miscalibration, Misses, Reward, Scores
from millrace.errors import DeclarationError
from millrace.guards.guardrails import DEFAULT
from millrace.types import objects


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: Misses(times=0.9), "Misses(times=)0.9: a factor of 1 or more"),
        (lambda: Latency(99), "Latency(99,): a quantile lies between 0 and 1"),
        (lambda: Latency(0.5, times=0), "Latency(times=)0: a factor of 1 or more"),
        (lambda: Reward(of="sales"), "Reward('sales'): not an outcome"),
        (lambda: Reward(worse_by=1.5), "Reward(worse_by=1.5): a part of the range"),
        (lambda: Scores(bins=1), "Scores(bins=1): cut scores into two parts at least"),
        (lambda: Miscalibration(None), "Miscalibration(None): not an outcome"),
        (lambda: FairnessGap("device"), "FairnessGap(by='device'): not a field"),
    ],
)
def test_what_cannot_be_meant_is_refused(declare: Callable[[], Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(said)):
        declare()


def test_watches_begin_with_no_evidence_and_their_parts_make_no_more_than_one() -> None:
    for guard in DEFAULT:
        found = guard.watch().findings()
        assert all(one.evidence == 0 for one in found)
        assert sum(one.part for one in found) <= 1


def test_a_watch_of_one_rollout_knows_nothing_of_another() -> None:
    seen = {"unit": objects(["a"]), "treated": np.array([True]), "share": np.array([0.1]), "missed": np.array([True])}
    guard = Misses()
    first, second = guard.watch(), guard.watch()
    first.see(seen)
    assert first.findings()[0].evidence > second.findings()[0].evidence == 0
