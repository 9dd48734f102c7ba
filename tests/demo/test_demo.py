"""The demonstration: what it prints, what it leaves behind, and how it is told."""

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from millrace.demo.figures import Figures
from millrace.demo.run import run
from millrace.demo.story import Story
from millrace.demo.truth import Worth
from millrace.types import DAY, HOUR, objects

STORY = Story(start=0, shock=3 * DAY, end=5 * DAY)


class Fair:
    """A world where every row is worth what its number says."""

    def value(self, rows):
        """Return it."""
        return rows["number"].astype(np.float64)


def shown(at: int, arms: list[str], numbers: list[float]) -> tuple[dict, dict]:
    requests = {"id": objects(["r1"]), "at": np.array([at])}
    return requests, {"at": np.full(len(arms), at), "arm": objects(arms), "number": np.array(numbers)}


def test_worth_is_kept_by_arm_whatever_release_served_it():
    worth = Worth(Fair())
    worth.see(*shown(1, ["popular"], [9.0]))
    worth.see(*shown(2, ["ranked", "champion/ranked", "canary/ranked", "popular", "champion/popular"], [1.0, 2.0, 3.0, 5.0, 7.0]))
    assert worth.requests == 2
    assert worth.mean(2, "ranked") == 2.0
    assert worth.mean(2, "popular") == 6.0
    assert worth.mean(1, "popular") == 7.0
    assert np.isnan(worth.mean(3, "ranked"))
    assert worth.course() == [(1, 9.0), (2, 3.6)]


def test_alarm_that_stays_on_is_told_once_a_day_and_every_other_sentence_always():
    story = Story(0, DAY, 5 * DAY)
    story.done += [(HOUR, "alert: auc is 0.66, at first it was 0.73"), (HOUR, "r0001 serves")]
    assert not story.is_news(4 * HOUR, "alert: auc is 0.65, at first it was 0.73")
    assert story.is_news(4 * HOUR, "alert: finished happened 0.7 times as often as predicted")
    assert story.is_news(26 * HOUR, "alert: auc is 0.65, at first it was 0.73")
    assert story.is_news(4 * HOUR, "r0001 serves")


def test_days_of_a_story_begin_with_its_world():
    assert STORY.day(0) == 0
    assert Story(start=7 * DAY, shock=8 * DAY, end=9 * DAY).day(8 * DAY + 12 * HOUR) == 1.5


@pytest.mark.slow
def test_demonstration_leaves_a_page_that_needs_nothing_else_and_ends_with_a_line_of_figures(tmp_path: Path, capsys):
    found = run(tmp_path / "demo", days=4, seed=1)
    said = capsys.readouterr().out
    assert msgspec.json.decode(said.splitlines()[-1], type=Figures) == found
    assert msgspec.json.decode((tmp_path / "demo" / "summary.json").read_bytes(), type=Figures) == found
    assert found.parity_values > 100_000
    assert found.parity_mismatches == 0
    assert (found.days, found.releases >= 1) == (4.0, True)
    assert found.measured_low < found.measured_lift < found.measured_high
    assert found.true_lift_alone > 0
    told = [float(day) for day in re.findall(r"^day +([\d.]+)  ", said, re.M)]
    assert told == sorted(told)
    assert len(told) > 3
    page = (tmp_path / "demo" / "index.html").read_text(encoding="utf-8")
    assert "tastes change" in page
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", page)
