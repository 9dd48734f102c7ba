"""`millrace status` on a rollout: what is watched, what was found, and how far that is from taking the canary back."""

import re

import msgspec

from millrace.loading import load
from millrace.operate.guard import Judged, Verdict
from millrace.serve.home import Home
from millrace.types import instant
from tests.cli.shop import NOW, Shop


def watched(guard: str, evidence: float, said: str = "", canary: float | None = 0.031) -> Judged:
    return Judged(guard=guard, champion=0.0052, canary=canary, evidence=evidence, bar=5.9915, said=said)


def status(shop: Shop, tests: list[Judged], over: str = "") -> str:
    """Write down a verdict as the guard does; return what `status` says."""
    home = Home(shop.folder / ".millrace", load(str(shop.folder / "shop.py")))
    worse = any(one.is_worse for one in tests)
    counts = {"until": instant(NOW), "canary": 420, "champion": 8_000, "alarm": 0.01}
    verdict = Verdict(tests=tests, healthy=not worse, founded=True, reason="it was seen", **counts)
    run = home.journal.start("shop", "rollout", "r0002 1", instant(NOW), {"release": "r0002-abcdef"})
    run = home.journal.note(run, {"verdict": msgspec.to_builtins(verdict)})
    if over:
        home.journal.finish(run, instant(NOW), "failed", over)
    home.close()
    said = shop.millrace("status", "shop.py")
    assert said.status == 0, said.err
    return said.out


def test_rollout_under_way_is_a_table_of_what_is_watched_the_nearest_to_its_bar_first(stocked):
    said = status(stocked, [watched("misses", 0.2), watched("reward", 4.0), watched("slower than 0.9 of all", 0.0, canary=None)])
    assert "Rollout of r0002-abcdef, since 2026-03-01 00:00:00 UTC; 420 decisions beside 8,000, false alarms 1.0% at most" in said
    assert re.search(r"^what is watched +champion +canary +evidence +needed +verdict *$", said, re.M)
    rows = [line for line in said.splitlines() if re.match(r"(misses|reward|slower)", line)]
    assert [re.sub(r" +", " ", row).strip() for row in rows] == [
        "reward 0.0052 0.031 55 400 some sign of harm, not proven",
        "misses 0.0052 0.031 1 400 no sign of harm",
        "slower than 0.9 of all 0.0052 – 1 400 nothing to compare yet",
    ]


def test_rollout_that_was_taken_back_says_why(stocked):
    why = "it falls back in 3.1% of decisions, the champion in 0.52%"
    said = status(stocked, [watched("misses", 9.0, why)], over=f"r0002-abcdef was rolled back: {why}")
    assert f"Rollout of r0002-abcdef, r0002-abcdef was rolled back: {why}; 420 decisions" in said
    assert re.search(rf"^misses +0.0052 +0.031 +8,103 +400 +{re.escape(why)} *$", said, re.M)
