import numpy as np
import pytest

from millrace.monitors.calibration import calibration
from millrace.monitors.drift import drift, profile, stability
from millrace.monitors.freshness import freshness
from millrace.monitors.performance import performance
from millrace.types import HOUR, objects


def test_drift_is_silent_on_more_of_the_same() -> None:
    g = np.random.default_rng(0)
    reference = profile({"y": g.normal(size=5000), "c": objects(g.choice(["a", "b", "c"], 5000))})
    recent = [{"y": g.normal(size=400), "c": objects(g.choice(["a", "b", "c"], 400))} for _ in range(300)]
    assert not any(drift("m", reference, rows, ("y",), 0.2).alarm for rows in recent)


def test_drift_alarms_when_the_scores_move_and_names_the_feature_behind() -> None:
    g = np.random.default_rng(0)
    x, other = g.normal(size=5000), g.normal(size=5000)
    reference = profile({"x": x, "other": other, "y": x + 0.1 * other})
    moved = g.normal(0.8, 1, 2000)
    found = drift("m", reference, {"x": moved, "other": other[:2000], "y": moved + 0.1 * other[:2000]}, ("y",), 0.2)
    assert found.alarm
    assert found.message.startswith("the scores of m have moved by")
    assert "of the features x has moved most" in found.message


def test_drift_of_a_feature_the_scores_do_not_follow_is_reported_without_alarm() -> None:
    g = np.random.default_rng(0)
    reference = profile({"x": g.normal(size=5000), "y": g.normal(size=5000)})
    found = drift("m", reference, {"x": g.normal(3, 1, 2000), "y": g.normal(size=2000)}, ("y",), 0.2)
    assert not found.alarm
    assert found.data["stability"]["x"] > 1


def test_values_that_go_missing_count_as_a_move() -> None:
    g = np.random.default_rng(0)
    reference = profile({"x": g.normal(size=5000)})["x"]
    assert stability(reference, np.where(np.arange(2000) % 3 == 0, np.nan, g.normal(size=2000))) > 0.2


def test_drift_of_a_category_nobody_has_seen() -> None:
    reference = profile({"c": objects(["a", "b"] * 1000)})["c"]
    assert stability(reference, objects(["a", "b"] * 500)) == pytest.approx(0, abs=0.01)
    assert stability(reference, objects(["z"] * 1000)) > 1


def test_drift_says_when_there_is_too_little() -> None:
    found = drift("m", profile({"y": np.zeros(10)}), {"y": np.zeros(10)}, ("y",), 0.2)
    assert not found.alarm
    assert np.isnan(found.value)


def test_calibration_allows_for_chance() -> None:
    g = np.random.default_rng(0)
    p = g.uniform(0, 0.2, 3000)
    assert not any(calibration("o", p, (g.random(3000) < p).astype(float), 0.05).alarm for _ in range(200))
    assert calibration("o", p, (g.random(3000) < 2 * p).astype(float), 0.05).alarm


def test_calibration_leaves_out_what_is_not_known() -> None:
    p = np.full(1000, 0.5)
    seen = np.where(np.arange(1000) < 500, np.nan, (np.arange(1000) % 2).astype(float))
    assert calibration("o", p, seen, 0.1).value == pytest.approx(1.0)


def test_performance_alarms_beyond_the_tolerated_fall_and_chance() -> None:
    assert performance("auc", (0.80, 0.0), (0.70, 0.005), by=0.05).alarm
    assert not performance("auc", (0.80, 0.0), (0.75, 0.02), by=0.05).alarm
    assert not performance("auc", (0.80, 0.02), (0.75, 0.0), by=0.05).alarm, "nor may the first have been luck"
    assert not performance("auc", (0.80, 0.0), (0.90, 0.005), by=0.05).alarm
    assert performance("log_loss", (0.40, 0.0), (0.50, 0.005), by=0.05, larger_is_better=False).alarm


def test_freshness_alarms_after_the_longest_silence() -> None:
    assert freshness(0, 2 * HOUR, "1h").alarm
    assert not freshness(0, HOUR, "1h").alarm
    assert not freshness(None, HOUR, "1h").alarm
