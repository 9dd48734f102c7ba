"""`millrace status`, `explain`, `verify` and `evaluate` on a shop that has lived: what a user sees of it."""

import re

import msgspec
import numpy as np
import pytest

from millrace import BetaBelief
from millrace.experiments.best_arm import best_arm
from millrace.loading import load
from millrace.serve.home import Home
from tests.cli.shop import live


@pytest.fixture
def lived(stocked):
    stocked.millrace("train", "shop.py")
    live(stocked)
    return stocked


def test_status_says_what_serves_and_what_the_log_holds(lived):
    said = lived.millrace("status", "shop.py")
    assert said.status == 0, said.err
    assert re.search(r"shop: r0001-\w{6} serves since", said.out)
    assert re.search(r"^decision +1,740$", said.out, re.M)
    for title in ("Releases", "Trainings", "Who changed what serves"):
        assert f"\n{title} " in said.out
    assert "Alerts" not in said.out


def test_status_says_what_is_believed_of_arms_and_whether_one_is_known_to_be_best(stocked):
    module = stocked.folder / "shop.py"
    text = re.sub(r"ranker = Model\(.*\)", "ranker = Model(clicked, features=[Item.id], learner=BetaBelief())", module.read_text())
    module.write_text(text.replace("from millrace import (", "from millrace import (\n    BetaBelief,"))
    said = stocked.millrace("train", "shop.py")
    assert said.status == 0, said.err
    home = Home(stocked.folder / ".millrace", load(str(module)), read_only=True)
    [release] = home.releases.of("shop")
    version = BetaBelief().load(home.registry.folder(release.versions["ranker"]))
    home.close()
    counts, won = version.counts.sum(axis=1), version.counts[:, 0]
    names = [key[0] for key in version.segments.keys]
    found = best_arm(counts, won)
    told = stocked.millrace("status", "shop.py").out
    first = names[int(np.argmax((won + 1) / (counts + 2)))]
    assert re.search(rf"What ranker believes of its arms *\narm +outcomes +chance +give or take *\n─+ *\n{first} +\d+ ", told)
    needed = f"is before {names[found.rival]} by evidence of {found.evidence:.1f} nats where {found.needed:.1f} are needed"
    assert not found.is_found
    assert f"which of the {len(names)} that were tried is best is not known yet: {names[found.arm]} {needed}" in " ".join(told.split())
    module.write_text(module.read_text().replace("BetaBelief()", 'BetaBelief(decay="14d")'))
    assert "believes of its arms" not in stocked.millrace("status", "shop.py").out, "the version is of another declaration"
    assert stocked.millrace("train", "shop.py").status == 0
    assert "it forgets, so which arm is best may change at any time" in stocked.millrace("status", "shop.py").out


def test_status_tells_of_records_that_no_class_reads_any_more(stocked):
    module = stocked.folder / "shop.py"
    assert "does not declare" not in stocked.millrace("status", "shop.py").out
    module.write_text(re.sub(r"\bClick\b", "Press", module.read_text()))
    said = " ".join(stocked.millrace("status", "shop.py").out.split())
    assert re.search(r"the log holds [\d,]+ records of Click, which this module does not declare", said)
    assert "its class was renamed" in said


def test_explanation_shows_what_was_taken_what_was_known_and_why(lived):
    said = lived.millrace("explain", "shop.py", "visit-100").out
    assert re.search(r"^visit-100: shown by ranked of r0001-\w{6}$", said, re.M)
    assert "asked at 2026-03-01 10:06:00 UTC: user user-20, limit 5" in said
    assert "took 5" in said
    assert re.search(r"1 +item-\d+ +sources\.\w+ +0\.\d+ +1 +0\.\d+ +\S+ [+-]\d", said)
    assert re.search(r"^clicks\[Item, 7d\]( +\d+){5}$", said, re.M)


def test_reasons_of_a_taught_and_calibrated_model_are_those_of_the_student(stocked):
    module = stocked.folder / "shop.py"
    taught = 'Calibrated(Distilled(Logistic(), into=GradientBoosting(trees=20, loss="squared")))'
    text = (
        module.read_text().replace("GradientBoosting(trees=100)", taught).replace("Array, ", "Array, Calibrated, Distilled, Logistic, ", 1)
    )
    module.write_text(text)
    assert stocked.millrace("train", "shop.py").status == 0
    live(stocked, visits=20)
    said = stocked.millrace("explain", "shop.py", "visit-10").out
    assert re.search(r"1 +item-\d+ +sources\.\w+ +0\.\d+ +\S+ +0\.\d+ +\S+ [+-]\d", said)
    assert "no reasons" not in said


def test_unknown_decision_is_not_found(lived):
    said = lived.millrace("explain", "shop.py", "visit-x")
    assert (said.status, said.err) == (1, "error: there is no decision 'visit-x' in the log of shop\n")


def test_proof_covers_every_value_of_every_decision(lived):
    said = lived.millrace("verify", "shop.py")
    assert (said.status, said.out) == (0, "decisions 240, values 8,400, mismatches 0\n")


def test_proof_of_the_last_decisions_only(lived):
    assert lived.millrace("verify", "shop.py", "--last", "10").out == "decisions 10, values 350, mismatches 0\n"


def test_wrong_value_is_found_with_the_events_behind_it(lived):
    plant_a_wrong_value(lived)
    said = lived.millrace("verify", "shop.py")
    assert said.status == 1
    assert said.out.startswith("decisions 241, values 8,435, mismatches 1\n")
    assert re.search(r"^planted, item-\d+: clicks\[Item, 7d\] was served as 999(\.0)?, the log says \d+", said.out, re.M)
    assert re.search(r"^count\(Click\) per \(Item\) over 7d by 3h of item-\d+: \d+ events count", said.out, re.M)


def plant_a_wrong_value(shop):
    """Log the last decision again under another id, with a count that was never true."""
    loaded = load(str(shop.folder / "shop.py"))
    home = Home(shop.folder / ".millrace", loaded)
    visit = home.log.find(loaded.streams["Visit"], "visit-239")
    record = home.log.decision("visit-239")
    column = next(name for name in record.features if name.startswith("count(Click) per (Item) over 7d"))
    features = {**record.features, column: [999, *record.features[column][1:]]}
    planted = msgspec.structs.replace(record, id="planted", features=features)
    home.log.append([msgspec.structs.replace(visit, id="planted"), planted], known=home.log.last_known + 1)
    home.close()


def test_evaluation_prints_each_metric_with_its_interval_and_the_gates_value(lived):
    said = lived.millrace("evaluate", "shop.py")
    assert said.status == 0, said.err
    for metric in ("auc", "pr_auc", "log_loss", "calibration_error", "ndcg@10"):
        assert re.search(rf"ranker +clicked +{metric} +[\d.e-]+ +\S+ to \S+ +[\d.e-]+ +\d+", said.out), said.out
