"""What serves, changed over HTTP: every change audited and by compare-and-swap, halts at once, shadows that never answer."""

import sqlite3
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from millrace.serve.access import fresh_key
from millrace.stores.api_keys import ApiKeys
from millrace.stores.audit import Change
from millrace.stores.endings import Endings
from millrace.types import objects
from tests.serve.test_http import STOCK, decide, refused
from tests.serve.tiny import ALONE, RANK, SCORE, publish, publish_ranker, publish_risk, served

TEXT = objects(["toy", "book"] * 30)


def publish_other(engine: Any) -> str:
    """Publish a ranker that likes what is seldom bought."""
    often = np.arange(60) % 6
    columns = {"bought": often, "shown": np.ones(60), "mine": np.zeros(60), "kind": TEXT, "country": objects(["nl"] * 60)}
    return publish(engine, "ranker", columns, (often < 3).astype(int).tolist())


@pytest.fixture
def shelf(tmp_path):
    """A shelf that serves its second release, its first being there to return to; `old` and `new` are their ids."""
    with served(RANK, tmp_path) as (client, engine):
        client.post("/v1/events", json=STOCK)
        old, new = publish_ranker(engine), publish_other(engine)
        yield client, engine, old, new


def ask(client, action: str, **said: Any):
    return client.post(f"/v1/rollout/{action}", json={"why": "to try", **said})


def done(client, action: str, **said: Any) -> dict[str, Any]:
    answer = ask(client, action, **said)
    assert answer.status_code == 200, answer.text
    return answer.json()


def revision(client) -> int:
    return client.get("/v1/rollout").json()["standing"]["revision"]


def test_standing_tells_what_a_change_wants_to_know(shelf):
    client, _, old, new = shelf
    told = client.get("/v1/rollout").json()
    assert (told["standing"]["champion"], told["standing"]["revision"], told["halt"]) == (new, 2, None)
    assert [one["id"] for one in told["releases"]] == [old, new]


def test_change_is_installed_at_once_and_audited(shelf):
    client, engine, old, new = shelf
    assert done(client, "rollback", seen=2)["standing"]["champion"] == old
    assert decide(client, {"visitor": "ada"})["release"] == old
    assert done(client, "promote", release=new, seen=3)["standing"]["champion"] == new
    last = engine.home.audit.entries("shelf")[-1]
    assert (last.who, last.what, last.why) == ("http", "promote", "to try")


def test_change_decided_on_what_no_longer_stands_is_refused(shelf):
    client, engine, old, _ = shelf
    done(client, "rollback", seen=2)
    said = refused(ask(client, "promote", release=old, seen=2), 409)
    assert "is at revision 3 (roll back by http: to try), not 2: look again" in said
    assert len(engine.home.releases.history("shelf")) == 3


@pytest.mark.parametrize(
    ("action", "body", "status", "field", "said"),
    [
        ("promote", {"release": "r0001"}, 422, "seen", "say on which revision"),
        ("promote", {"seen": 2}, 422, "release", "say which release"),
        ("promote", {"seen": 2, "release": "r0009-abcdef"}, 404, None, "no release is called"),
        ("promote", {"seen": 2, "release": "r", "who": "eve"}, 422, None, "unknown field"),
        ("promote", {"seen": 2, "release": "r", "why": " "}, 422, "why", "must say why"),
        ("withdraw", {"seen": 2}, 409, None, "nothing to withdraw"),
        ("resume", {}, 409, None, "is not halted"),
        ("halt", {"to": "nobody"}, 422, "to", "champion or fallback"),
        ("canary", {"seen": 2}, 422, "release", "say which release"),
        ("canary", {"seen": 2, "release": "r"}, 409, None, "declares no step before everybody"),
        ("shadow", {"seen": 2, "release": "r", "share": 2.0}, 422, "share", "cannot shadow"),
        ("shadow", {"seen": 2, "release": "r", "within": "1h"}, 422, "within", "cannot wait 1h"),
        ("switch", {"seen": 2, "release": "r", "keep": "1s"}, 422, "keep", "cannot be kept 1s"),
    ],
)
def test_change_that_says_too_little_or_wrong_is_refused(shelf, action, body, status, field, said):
    client, engine, _, _ = shelf
    assert said in refused(ask(client, action, **body), status, field)
    assert len(engine.home.releases.history("shelf")) == 2


def test_what_a_web_page_could_send_by_itself_is_refused(shelf):
    client, _, _, _ = shelf
    answer = client.post("/v1/rollout/halt", content=b'{"why": "x"}', headers={"content-type": "text/plain"})
    assert "application/json" in refused(answer, 422)


def test_approver_is_named_in_the_audit_and_others_are_refused(tmp_path):
    with served(RANK, tmp_path) as (client, engine):
        keys = ApiKeys(engine.home.database)
        made = {role: fresh_key() for role in ("operator", "approver")}
        for role, key in made.items():
            keys.add(f"the {role}", key, role, Change(1, "ada", "to try"))
        for role, status in (("operator", 403), ("approver", 200)):
            headers = {"authorization": f"Bearer {made[role]}"}
            assert client.post("/v1/rollout/halt", json={"why": "odd"}, headers=headers).status_code == status
            assert client.get("/v1/rollout", headers=headers).status_code == 200
        assert [(one.who, one.what) for one in engine.home.audit.entries("shelf")] == [("the approver", "halt")]


# ---- the kill switch


def test_halt_sends_everybody_to_the_champion_whatever_is_rolled_out_meanwhile(shelf):
    client, engine, old, new = shelf
    done(client, "switch", release=old, seen=2)
    assert decide(client, {"visitor": "ada"})["release"] == old
    told = done(client, "halt")
    assert (told["halt"]["to"], told["halt"]["release"], told["owed"]) == ("champion", new, "")
    assert client.get("/readyz").json()["halted"] == "champion"
    for n in range(5):
        answer = decide(client, {"id": f"halted-{n}", "visitor": f"v{n}"})
        assert (answer["policy"], answer["release"], answer["arm"]) == ("ranked", new, "")
    done(client, "promote", release=old, seen=3)
    assert decide(client, {"visitor": "ada"})["release"] == new, "a halt freezes what answers"
    done(client, "resume")
    assert decide(client, {"visitor": "ada"})["release"] == old
    assert [one.what for one in engine.home.audit.entries("shelf")][-4:] == ["roll out", "halt", "promote", "resume"]


def test_halt_to_the_fallback_asks_no_model_and_the_record_says_so(shelf):
    client, _, _, new = shelf
    done(client, "halt", to="fallback")
    answer = decide(client, {"id": "halted", "visitor": "ada"})
    assert (answer["policy"], answer["missed"], answer["release"]) == ("plain", [], new)
    assert client.get("/v1/decisions/halted/explain").json()["unexplained"] == "plain has no model: it scores by rule, or not at all"
    done(client, "halt", to="champion")
    assert decide(client, {"visitor": "ada"})["policy"] == "ranked"


def test_fallback_that_is_not_declared_is_refused(tmp_path):
    with served(ALONE, tmp_path) as (client, engine):
        said = refused(ask(client, "halt", to="fallback"), 404)
        assert "declares no Fallback" in said
        assert engine.home.halts.now(engine.loaded.name) is None


def test_halt_outlives_the_server_and_a_candidate_that_was_rolled_out(tmp_path):
    with served(RANK, tmp_path) as (client, engine):
        client.post("/v1/events", json=STOCK)
        old, new = publish_ranker(engine), publish_other(engine)
        done(client, "switch", release=old, seen=2)
        done(client, "halt")
    with served(RANK, tmp_path) as (client, _):
        assert decide(client, {"visitor": "ada"})["release"] == new
        began = client.get("/v1/rollout").json()["standing"]["rollout"]["started"]
        told = done(client, "resume")
        assert told["halt"] is None
        assert told["standing"]["rollout"]["started"] > began, "its step begins anew"
        data = told["standing"]["rollout"]["data"]
        assert data["until"] - told["standing"]["rollout"]["started"] == 3_600_000_000
        assert decide(client, {"visitor": "ada"})["release"] == old


def test_halt_needs_no_database(shelf):
    client, engine, old, new = shelf
    done(client, "switch", release=old, seen=2)
    with closing(sqlite3.connect(engine.home.folder / "millrace.db")) as database:
        database.execute("alter table standings rename to elsewhere")
        told = done(client, "halt")
        assert (told["halt"]["to"], told["halt"]["release"]) == ("champion", "")
        assert "does not answer" in told["owed"]
        assert decide(client, {"visitor": "ada"})["release"] == new
        database.execute("alter table elsewhere rename to standings")
    done(client, "resume")
    assert decide(client, {"visitor": "ada"})["release"] == old
    assert [one.what for one in engine.home.audit.entries("shelf")][-3:] == ["halt", "roll out", "resume"]


# ---- shadows


def test_shadow_is_asked_for_its_share_and_never_answers(shelf):
    client, engine, old, new = shelf
    done(client, "shadow", release=old, seen=2, share=0.5, within="10s")
    answers = [decide(client, {"id": f"look-{n}", "visitor": f"v{n}"}) for n in range(60)]
    assert {(one["release"], one["policy"], tuple(one["missed"])) for one in answers} == {(new, "ranked", ())}
    made = {one["id"]: engine.home.log.decision(one["id"]) for one in answers}
    shadowed = [one for one in made.values() if one.arm == "shadowed"]
    assert 15 <= len(shadowed) <= 45
    assert {one.arm_share for one in made.values()} == {0.5}
    assert all(len(one.shadow) == 3 for one in shadowed)
    assert not any(one.shadow for one in made.values() if one.arm == "alone")
    done(client, "withdraw", seen=3)
    assert decide(client, {"visitor": "ada"})["arm"] == ""


def test_shadow_of_a_system_that_acts_says_what_it_would_have_done(tmp_path):
    with served(SCORE, tmp_path) as (client, engine):
        first = publish_risk(engine)
        cents = np.arange(60) * 20.0
        columns = {"payments": np.ones(60), "spent": cents, "cents": cents}
        publish(engine, "risk", columns, (cents > 600).astype(int).tolist(), {"scored.Act/refuse": float("inf")})
        done(client, "shadow", release=first, seen=2, share=1.0, within="10s")
        answer = decide(client, {"id": "p1", "card": "c1", "cents": 100_000})
        assert engine.home.log.decision("p1").shadow == ["refuse"] != [answer["action"]]


# ---- switching


def test_switch_is_taken_back_in_no_time_to_the_one_that_was_kept(shelf):
    client, engine, old, new = shelf
    told = done(client, "switch", release=old, seen=2, keep="1h")
    assert (told["standing"]["champion"], told["standing"]["rollout"]["share"]) == (new, 1.0)
    assert {decide(client, {"visitor": f"v{n}"})["release"] for n in range(20)} == {old}
    told = done(client, "rollback", seen=3)
    assert (told["standing"]["champion"], told["standing"]["rollout"]) == (new, None)
    assert decide(client, {"visitor": "ada"})["release"] == new
    assert engine.home.releases.history("shelf")[-1].action == "withdraw"


# ---- versions that end


def test_answers_of_a_version_that_ends_say_so_until_it_is_gone(shelf):
    client, engine, old, _ = shelf
    version = engine.home.releases.get(old).versions["ranker"]
    path = f"/v2/models/ranker/versions/{version}"
    assert "sunset" not in client.get(path).headers
    endings = Endings(engine.home.database, engine.home.folder)
    at, until = 1_767_268_800_000_000, 1_798_675_200_000_000
    endings.announce(version, until, Change(at, "ada", "old"))
    engine.reload()
    headers = client.get(path).headers
    assert (headers["deprecation"], headers["sunset"]) == ("@1767268800", "Thu, 31 Dec 2026 00:00:00 GMT")
    rows = {
        "inputs": [{"name": one["name"], "datatype": one["datatype"], "shape": [1], "data": _one(one)} for one in _inputs(client, path)]
    }
    scored = client.post(f"{path}/infer", json=rows)
    assert scored.status_code == 200, scored.text
    assert scored.headers["sunset"] == headers["sunset"]
    assert "sunset" not in client.get("/v2/models/ranker").headers, "the champion goes on"
    engine.home.releases.promote(engine.home.releases.standing("shelf"), old, Change(until, "ada", "back again"))
    engine.reload()
    assert "sunset" not in client.get(path).headers, "what serves does not end"


def _inputs(client, path: str) -> list[dict[str, Any]]:
    return client.get(path).json()["inputs"]


def _one(tensor: dict[str, Any]) -> list[Any]:
    return ["toy"] if tensor["datatype"] == "BYTES" else [1]
