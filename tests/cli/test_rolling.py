"""`millrace rollout` and the end of versions, as a user meets them; and a halt that reaches every process of a server."""

import json
import re
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import typer

from millrace.cli.acting import person
from millrace.cli.scaffold import scaffold
from millrace.loading import load
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.types import instant
from tests.cli.shop import NOW, Shop, live
from tests.cli.test_serving import ENDS_WITHIN_S, ITEM, answer, server
from tests.serve.callers import decide, two_workers, until, workers_of


def home_of(shop: Shop) -> Home:
    return Home(shop.folder / ".millrace", load(str(shop.folder / "shop.py")), read_only=True)


@pytest.fixture
def trained(stocked) -> tuple[Shop, str, str]:
    """A shop that serves its first release, and has a second one."""
    assert stocked.millrace("train", "shop.py").status == 0
    home = home_of(stocked)
    [first] = home.releases.of("shop")
    version = home.registry.get(first.versions["ranker"])

    def saved(folder: Path) -> None:
        """The same files and one more, so that it is another version."""
        shutil.copytree(home.registry.folder(version.version), folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("manifest.json"))
        (folder / "note.txt").write_text("another")

    other = home.registry.publish("ranker", saved, version.lineage, {}, {})
    second = home.releases.create("shop", {"ranker": other.version}, first.system_hash, {}, Change(instant(NOW), "ada", "to have two"))
    home.close()
    return stocked, first.id, second.id


def said(shop: Shop, *arguments: str) -> str:
    done = shop.millrace(*arguments)
    assert done.status == 0, done.err
    return done.out


def test_shadow_is_compared_in_words_and_on_a_page(trained):
    shop, first, second = trained
    told = said(shop, "rollout", "shadow", "shop.py", second, "--share", "50%", "--within", "10s")
    assert told == f"{second} shadows {first} on 50% of the units: millrace rollout compare shop.py\n"
    assert f"{first} serves, {second} shadows it on 50% of the units" in said(shop, "status", "shop.py")
    nothing = shop.millrace("rollout", "compare", "shop.py")
    assert (nothing.status, "was asked for no decision of shop yet" in nothing.err) == (1, True)
    _backdate(shop)
    live(shop, 280)  # into the second day
    told = said(shop, "rollout", "compare", "shop.py", "--page", "shadow.html")
    assert f"{second} beside what answered, 2026-03-01" in told
    for figure in ("rank-biased overlap", "same ranking", "same first", "overlap@3", "overlap@5"):
        assert re.search(rf"^{figure} +[\d.]+ +\S+ to \S+ +\d+ +\d+ *$", told, re.M), told
    assert re.search(r"^missed +0 +0 to 0\.\d+ +\d+ +\d+ *$", told, re.M)
    assert "and answered every time." in told
    assert "Agreement says how different it is, not whether it is better" in told
    page = (shop.folder / "shadow.html").read_text()
    assert f"<h1>{second}, beside what answered</h1>" in page
    assert page.count('class="plot"') == 3
    assert said(shop, "rollout", "withdraw", "shop.py") == f"{second} is withdrawn, {first} serves alone\n"


def _backdate(shop: Shop) -> None:
    """Let the shadow have begun when the invented history ends: the shop lives then."""
    with closing(sqlite3.connect(shop.folder / ".millrace" / "millrace.db")) as database:
        [(rollout,)] = database.execute("select rollout from standings order by revision desc limit 1").fetchall()
        changed = json.dumps({**json.loads(rollout), "started": instant(NOW)})
        database.execute("update standings set rollout = ? where revision = (select max(revision) from standings)", (changed,))
        database.commit()


def test_nothing_that_shadowed_is_said(trained):
    done = trained[0].millrace("rollout", "compare", "shop.py")
    assert (done.status, done.err) == (
        1,
        "error: nothing has shadowed shop yet: millrace rollout shadow, or declare Shadow(policy, shadow)\n",
    )


def test_switch_asks_first_and_leaves_all_as_it_is_unless_the_answer_is_yes(trained, monkeypatch):
    shop, first, second = trained
    asked = []
    monkeypatch.setattr(typer, "confirm", lambda question: asked.append(question))  # append returns None: no
    assert shop.millrace("rollout", "switch", "shop.py", second).status == 1
    said(shop, "rollout", "canary", "shop.py", second)
    assert shop.millrace("rollout", "switch", "shop.py", second).status == 1
    assert asked == [
        f"{second} would answer everybody at once, unwatched beside {first}. Go on?",
        f"{second} is watched beside {first} on 10% of the units, which this ends unjudged. Let it answer everybody?",
    ]
    assert f"{first} serves, {second} is rolled out to 10%" in said(shop, "status", "shop.py")


def test_switch_and_the_way_back(trained):
    shop, first, second = trained
    told = said(shop, "rollout", "switch", "shop.py", second, "--keep", "2h", "--yes")
    assert told == f"{second} answers everybody; {first} is kept for 2h: millrace rollback shop.py returns to it\n"
    assert f"{second} answers everybody, {first} is kept until" in said(shop, "status", "shop.py")
    assert said(shop, "rollback", "shop.py") == f"{first} serves again, {second} no longer\n"
    assert re.search(rf"shop: {first} serves since", said(shop, "status", "shop.py"))


def test_canary_sent_out_by_hand_begins_with_the_first_step_and_is_not_begun_twice(trained):
    shop, first, second = trained
    told = said(shop, "rollout", "canary", "shop.py", second, "--why", "checked beside the old one")
    assert told.startswith(f"{second} begins with 10% beside {first}; millrace status shop.py shows how it goes\n")
    assert f"{first} serves, {second} is rolled out to 10%" in said(shop, "status", "shop.py")
    again = shop.millrace("rollout", "canary", "shop.py", second)
    assert again.err == f"error: {second} is beside {first} already (roll out by {person()}): withdraw it, then begin anew\n"
    said(shop, "rollout", "withdraw", "shop.py")
    assert re.search(r"command line +roll out +checked beside the old one", said(shop, "status", "shop.py"))


def test_rollback_during_a_canary_leaves_the_champion_as_it_is(trained):
    shop, first, second = trained
    said(shop, "promote", "shop.py", second)
    said(shop, "rollout", "canary", "shop.py", first)
    assert said(shop, "rollback", "shop.py") == f"{second} serves again, {first} no longer\n"
    standing = home_of(shop).releases.standing("shop")
    assert (standing.champion, standing.rollout) == (second, None)
    said(shop, "rollout", "shadow", "shop.py", first)
    assert said(shop, "rollback", "shop.py") == f"{first} serves again, {second} no longer\n"


def test_canary_where_no_step_is_declared_is_refused_with_what_to_do(trained):
    shop, _, second = trained
    text = (shop.folder / "shop.py").read_text()
    (shop.folder / "shop.py").write_text(text.replace(', rollout=Canary("10%", "100%")', ""))
    done = shop.millrace("rollout", "canary", "shop.py", second)
    declare = 'declare Retrain(rollout=Canary("10%", "100%"))'
    assert (done.status, done.err) == (1, f"error: shop declares no step before everybody: {declare}, or promote {second}\n")


@pytest.mark.parametrize("under_way", [("rollout", "canary"), ("rollout", "switch"), ("rollout", "shadow")])
def test_training_by_hand_puts_no_end_to_what_is_under_way(trained, under_way):
    shop, first, second = trained
    said(shop, *under_way, "shop.py", second, *(["--yes"] if "switch" in under_way else []))
    text = (shop.folder / "shop.py").read_text()
    (shop.folder / "shop.py").write_text(text.replace("trees=100", "trees=50"))
    told = said(shop, "train", "shop.py")
    assert re.search(
        rf"^r0003-\w+ waits, as {second} is beside {first}; afterwards: millrace rollout canary shop\.py r0003-", told, re.M
    ), told
    standing = home_of(shop).releases.standing("shop")
    assert (standing.champion, standing.candidate) == (first, second)


def test_training_during_a_halt_waits_for_its_end(trained):
    shop, first, _ = trained
    said(shop, "rollout", "halt", "shop.py", "--why", "it sells nothing")
    text = (shop.folder / "shop.py").read_text()
    (shop.folder / "shop.py").write_text(text.replace("trees=100", "trees=50"))
    assert re.search(r"^r0003-\w+ waits, as shop is halted; afterwards: ", said(shop, "train", "shop.py"), re.M)
    assert home_of(shop).releases.standing("shop").champion == first


def test_what_is_done_by_hand_is_in_the_audit_with_its_reason(trained):
    shop, _, second = trained
    said(shop, "promote", "shop.py", second, "--why", "the other is too slow")
    said(shop, "rollback", "shop.py", "--why", "it sells nothing")
    told = said(shop, "status", "shop.py")
    assert re.search(r"command line +promote +the other is too slow", told)
    assert re.search(r"command line +roll back +it sells nothing", told)


def test_halt_is_said_until_somebody_resumes(trained):
    shop, first, _ = trained
    told = said(shop, "rollout", "halt", "shop.py", "--why", "it sells nothing")
    assert told == f"shop is halted: within seconds {first} answers everybody; millrace rollout resume shop.py ends it\n"
    status = said(shop, "status", "shop.py")
    assert re.search(rf"^HALTED since .* by .*command line: {first} answers everybody; it sells nothing$", status, re.M)
    assert re.search(r"command line +halt +it sells nothing", status)
    assert shop.millrace("score", "shop.py", "--input", "visits.csv", "--output", "out").status != 0
    assert said(shop, "rollout", "resume", "shop.py").startswith(f"shop goes on: {first} serves")
    assert "HALTED" not in said(shop, "status", "shop.py")
    assert shop.millrace("rollout", "halt", "shop.py").status != 0, "a halt says why"


@pytest.mark.parametrize("share", ["half", "0%", "120%"])
def test_share_that_is_none_is_refused(trained, share):
    done = trained[0].millrace("rollout", "shadow", "shop.py", trained[2], "--share", share)
    assert done.status == 1
    assert re.search("is no share|cannot shadow", done.err)


# ---- versions


def test_version_is_retired_promised_and_deleted_only_when_nothing_needs_it(trained):
    shop, first, second = trained
    live(shop, 20)
    home = home_of(shop)
    one, other = (home.releases.get(name).versions["ranker"] for name in (first, second))
    serving = shop.millrace("models", "retire", "shop.py", one, "--sunset", "2999-12-31")
    assert (serving.status, "is champion" in serving.err) == (1, True)
    said(shop, "promote", "shop.py", second)
    told = said(shop, "models", "retire", "shop.py", one, "--sunset", "2999-12-31")
    assert told == f"{one} is promised until 2999-12-31 00:00:00 UTC; after that: millrace models delete shop.py {one}\n"
    assert f"{one} is deprecated: promised until 2999-12-31" in said(shop, "status", "shop.py")
    refused = shop.millrace("models", "delete", "shop.py", one)
    assert f"20 decisions in the log were made with {one}" in refused.err
    refused = shop.millrace("models", "delete", "shop.py", one, "--force-with-lineage")
    assert "is promised until 2999-12-31" in refused.err
    home.close()
    assert other in said(shop, "status", "shop.py")


def test_rejected_version_goes_out_again_once_somebody_says_why(trained):
    shop, first, second = trained
    home = home_of(shop)
    version = home.releases.get(second).versions["ranker"]
    early = shop.millrace("models", "readmit", "shop.py", version, "--why", "a false alarm")
    assert (early.status, early.err) == (1, f"error: {version} is candidate, not rejected: there is nothing to make good\n")
    home.registry.stage(version, "rejected", Change(instant(NOW), "guard", "worse"))
    home.close()
    for command in (("promote",), ("rollout", "canary")):
        refused = shop.millrace(*command, "shop.py", second)
        assert (refused.status, "millrace models readmit" in refused.err) == (1, True), refused.err
    told = said(shop, "models", "readmit", "shop.py", version, "--why", "a false alarm")
    assert told == f"{version} is a candidate again; its release goes out with: millrace rollout canary shop.py {second}\n"
    assert said(shop, "rollout", "canary", "shop.py", second).startswith(f"{second} begins with 10% beside {first}")


@pytest.mark.parametrize("sunset", ["soon", "2026-13-01", "2001-01-01"])
def test_day_that_is_none_is_refused(trained, sunset):
    done = trained[0].millrace("models", "retire", "shop.py", "ranker-0001-00000000", "--sunset", sunset)
    assert (done.status, bool(re.search("is no date|has passed", done.err))) == (1, True)


# ---- every process


@pytest.mark.server
def test_halt_reaches_every_worker_within_seconds_and_outlives_them(tmp_path: Path):
    scaffold("shop", "rank", tmp_path)
    with server(tmp_path, "--workers", "2") as (client, process):
        until(lambda: len(workers_of(process)) == 2, "there are not two workers")
        client.post("/v1/events", json=[ITEM])
        status, out, err = answer(tmp_path, "rollout", "halt", "shop.py", "--why", "to try", "--to", "fallback")
        assert status == 0, out + err
        first, second = two_workers(client, process)
        with closing(first), closing(second):
            for one in (first, second):
                until(lambda one=one: one.get("/readyz").json().get("halted") == "fallback", "a worker does not follow")
                assert decide(one, f"visit-{id(one)}")["policy"] == "popular"
                assert decide(one, f"visit-{id(one)}")["missed"] == [], "the ranked policy was not asked"
            told = first.post("/v1/rollout/halt", json={"why": "otherwise", "to": "champion"}).json()
            assert told["halt"]["who"] == "http"
            until(lambda: second.get("/readyz").json().get("halted") == "champion", "the other worker does not follow")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=ENDS_WITHIN_S) == 0
    with server(tmp_path) as (client, _):
        assert client.get("/readyz").json()["halted"] == "champion"
        assert client.post("/v1/rollout/resume", json={"why": "mended"}).json()["halt"] is None
        assert "halted" not in client.get("/readyz").json()
    assert answer(tmp_path, "verify", "shop.py")[0] == 0
