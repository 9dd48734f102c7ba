"""A shadow compared from the log: what it would have taken, decision by decision, against the same told by hand."""

from pathlib import Path

import numpy as np
import pytest

from millrace.errors import NotFound
from millrace.evaluation.agreement import rank_biased_overlap
from millrace.operate.shadowed import compared
from millrace.serve import changing
from tests.operate.stall import Life, Sorting, living, stall
from tests.operate.test_attended import _second, change


def shadowing(life: Life, share: float) -> str:
    life.until(1.2)
    release = _second(life)
    changing.shadow(life.engine.loaded, life.engine.home.releases, life.engine.standing, release, change(life), share, "100ms")
    return release


def test_figures_are_the_means_of_what_the_decisions_say(tmp_path: Path) -> None:
    with living(tmp_path, stall(Sorting(backwards=(9,)), every="40h")) as life:
        release = shadowing(life, 0.6)
        life.until(3)
        found = compared(life.engine.loaded, life.engine.home)
        made = [one for _, one in life.engine.home.log.decisions(system="stall") if one.arm == "shadowed"]
        pairs = [(one.candidate[: one.taken], one.shadow) for one in made]
        assert (found.shadow, found.asked, found.missed.value) == (release, len(made), 0.0)
        assert 0 < found.missed.units < 60
        figures = found.figures
        assert figures["rank-biased overlap"].value == pytest.approx(np.mean([rank_biased_overlap(*pair) for pair in pairs]))
        assert figures["same first"].value == pytest.approx(np.mean([one[0] == other[0] for one, other in pairs]))
        assert figures["overlap@3"].value == pytest.approx(np.mean([len({*one} & {*other}) / 3 for one, other in pairs]))
        assert figures["same ranking"].value < 0.5, "one of the two puts the worst first"
        assert sum(n for _, _, n in found.days) == len(found.spread) == len(made)


def test_shadow_that_fails_harms_nobody_and_is_counted(tmp_path: Path) -> None:
    with living(tmp_path, stall(Sorting(broken=(9,)), every="40h")) as life:
        release = shadowing(life, 1.0)
        life.until(2)
        found = compared(life.engine.loaded, life.engine.home)
        made = [one for _, one in life.engine.home.log.decisions(system="stall") if one.arm == "shadowed"]
        assert {one.policy for one in made} == {"ranked"}
        assert all(one.taken == 3 for one in made)
        assert (found.shadow, found.asked, found.missed.value, found.short.value) == (release, len(made), 0.0, 1.0)


def test_only_the_latest_shadow_is_compared(tmp_path: Path) -> None:
    with living(tmp_path, stall(every="40h")) as life:
        shadowing(life, 1.0)
        life.until(1.6)
        releases = life.engine.home.releases
        releases.withdraw(releases.standing("stall"), change(life))
        life.until(2)
        first = compared(life.engine.loaded, life.engine.home)
        again = _second(life, 10)
        changing.shadow(life.engine.loaded, releases, releases.standing("stall"), again, change(life), 1.0, "100ms")
        with pytest.raises(NotFound, match=f"{again} was asked for no decision of stall yet"):
            compared(life.engine.loaded, life.engine.home)
        life.until(2.5)
        found = compared(life.engine.loaded, life.engine.home)
        assert (found.shadow, found.since > first.until) == (again, True)
