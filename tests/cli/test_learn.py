"""`millrace train`, `evaluate`, `promote`, `rollback`: what was learned and what serves."""

import getpass
import re

from millrace.loading import load
from millrace.serve.clock import wall
from millrace.serve.home import Home

RELEASE = re.compile(r"r\d{4}-[0-9a-f]{6}")


def test_first_training_passes_and_serves(stocked):
    said = stocked.millrace("train", "shop.py")
    assert said.status == 0, said.err
    assert re.search(r"ranker +auc +– +0\.\d+ +passed +the first version", said.out)
    assert re.search(rf"^{RELEASE.pattern} serves$", said.out, re.M)
    assert re.search(rf"shop: {RELEASE.pattern} serves since", stocked.millrace("status", "shop.py").out)


def test_what_was_trained_was_made_when_the_training_began_however_old_the_log_is(stocked):
    before = wall()
    stocked.millrace("train", "shop.py")
    loaded = load(str(stocked.folder / "shop.py"))
    home = Home(stocked.folder / ".millrace", loaded, read_only=True)
    [run], [release] = home.journal.runs("shop", kind="train"), home.releases.of("shop")
    lineage = home.registry.get(release.versions["ranker"]).lineage
    made = [one.at for one in home.audit.entries(release.id) if one.what == "create"]
    horizon = home.log.last_known + 1
    home.close()
    assert before < release.created == lineage.created == run.started
    assert made == [run.started]
    assert lineage.known_until == horizon < before


def test_who_trained_by_hand_is_in_the_audit(stocked):
    stocked.millrace("train", "shop.py")
    home = Home(stocked.folder / ".millrace", load(str(stocked.folder / "shop.py")), read_only=True)
    [release] = home.releases.of("shop")
    [made] = [one for one in home.audit.entries(release.id) if one.what == "create"]
    [promoted] = [one for one in home.audit.entries("shop") if one.what == "promote"]
    home.close()
    assert (made.who, made.why) == (f"{getpass.getuser()} at the command line", "trained by hand")
    assert promoted.who == made.who


def test_release_can_wait_to_be_promoted_by_hand(stocked):
    said = stocked.millrace("train", "shop.py", "--no-promote").out
    release = RELEASE.search(said)[0]
    assert f"{release} waits: millrace promote shop.py {release}" in said
    assert "no release yet" in stocked.millrace("status", "shop.py").out
    assert stocked.millrace("promote", "shop.py", release).out == f"{release} serves\n"
    again = stocked.millrace("promote", "shop.py", release)
    assert (again.status, "already" in again.err) == (1, True)


def test_rollback_returns_to_the_release_before(stocked):
    first = RELEASE.search(stocked.millrace("train", "shop.py").out)[0]
    refused = stocked.millrace("rollback", "shop.py")
    assert (refused.status, "nothing to roll back to" in refused.err) == (1, True)
    text = (stocked.folder / "shop.py").read_text()
    (stocked.folder / "shop.py").write_text(text.replace("trees=100", "trees=50"))
    assert "has changed since" in stocked.millrace("status", "shop.py").out
    second = RELEASE.search(stocked.millrace("train", "shop.py").out)[0]
    assert second != first
    assert stocked.millrace("rollback", "shop.py").out == f"{first} serves again, {second} no longer\n"


def test_training_is_in_the_journal_whatever_came_of_it(shop):
    shop.invent()
    shop.millrace("import", "shop.py", "Visit", "visits.csv", "--decided", "item")
    said = shop.millrace("train", "shop.py")
    assert said.status == 1
    assert "not trained" in said.out
    assert "no model could be trained" in said.err
    status = shop.millrace("status", "shop.py").out
    assert "command line" in status
    assert "1,500" in status


def test_unknown_release_is_not_found(stocked):
    said = stocked.millrace("promote", "shop.py", "r0009-abcdef")
    assert (said.status, "r0009-abcdef" in said.err) == (1, True)


def test_evaluation_before_any_release_says_what_to_do(stocked):
    said = stocked.millrace("evaluate", "shop.py")
    assert (said.status, "train it first" in said.err) == (1, True)


def test_evaluation_before_any_outcome_says_to_wait(stocked):
    stocked.millrace("train", "shop.py")
    said = stocked.millrace("evaluate", "shop.py")
    assert (said.status, "wait until the outcomes' windows have closed" in said.err) == (1, True)
