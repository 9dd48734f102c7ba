"""The API of two opposite systems, before and after their first release."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from millrace.operate.history import LogHistory
from millrace.operate.verify import verify
from millrace.types import DAY, EVER
from tests.serve.tiny import ALONE, NOON, NOW, RANK, SCORE, publish_ranker, publish_risk, served

STOCK = [
    {"type": "Visitor", "id": "ada", "country": "nl"},
    *({"type": "Good", "id": f"g{n}", "kind": "toy", "added_at": f"2025-12-0{n}T00:00:00Z"} for n in range(1, 6)),
    {"type": "Buy", "id": "b1", "at": "2025-12-31T09:00:00Z", "visitor": "ada", "good": "g2"},
]


@pytest.fixture
def shelf(tmp_path):
    with served(RANK, tmp_path) as (client, _):
        assert client.post("/v1/events", json=STOCK).json()["accepted"] == 7
        yield client


@pytest.fixture
def till(tmp_path):
    with served(SCORE, tmp_path) as (client, _):
        yield client


def decide(client, body, path="/v1/decide"):
    answered = client.post(path, json=body)
    assert answered.status_code == 200, answered.text
    return answered.json()


def refused(answer, status, field=None):
    """Check that an answer is a refusal with a status, naming a field, and return what it says."""
    assert answer.status_code == status, answer.text
    problem = answer.json()["error"]
    if field is not None:
        assert problem.get("field", "") == field, problem
    return problem["message"]


# ---- deciding


def test_one_request_gets_one_answer(shelf):
    answer = decide(shelf, {"id": "look-1", "visitor": "ada"})
    assert answer["id"] == "look-1"
    assert [item["candidate"] for item in answer["items"]] == ["g2", "g5", "g4"], "the one bought, then the newest"
    assert (answer["policy"], answer["action"], answer["release"], answer["missed"]) == ("plain", "shown", "", ["ranked"])


def test_list_of_requests_gets_a_list_in_its_order(shelf):
    answers = decide(shelf, [{"id": f"look-{n}", "visitor": "ada", "limit": n} for n in (3, 1, 2)])
    assert [(one["id"], len(one["items"])) for one in answers] == [("look-3", 3), ("look-1", 1), ("look-2", 2)]


def test_request_without_an_id_gets_one_to_find_it_by(shelf):
    given = decide(shelf, {"visitor": "ada"})["id"]
    assert shelf.get(f"/v1/decisions/{given}").json()["decision"]["id"] == given


def test_score_system_acts_by_its_rules_before_any_release(till):
    assert decide(till, {"id": "p1", "card": "c", "cents": 900})["action"] == "approve"
    assert decide(till, {"id": "p2", "card": "c", "cents": 900})["action"] == "approve", "a request does not count itself"
    assert decide(till, {"id": "p3", "card": "c", "cents": 1})["action"] == "refuse", "1800 were spent by then"


def test_unknown_entity_gets_defaults_not_an_error(shelf):
    assert len(decide(shelf, {"visitor": "a stranger"})["items"]) == 3


def test_published_release_answers_from_then_on(tmp_path):
    with served(RANK, tmp_path) as (client, engine):
        client.post("/v1/events", json=STOCK)
        release = publish_ranker(engine)
        answer = decide(client, {"id": "look", "visitor": "ada"})
        assert (answer["policy"], answer["release"], answer["missed"]) == ("ranked", release, [])
        assert client.get("/readyz").json()["release"] == release


def test_published_risk_refuses_by_its_learned_threshold(tmp_path):
    with served(SCORE, tmp_path) as (client, engine):
        publish_risk(engine)
        assert [one["action"] for one in decide(client, [{"card": "a", "cents": 1}, {"card": "b", "cents": 5000}])] == ["approve", "refuse"]


def test_nothing_that_can_answer_is_503_with_a_time_to_retry(tmp_path):
    with served(ALONE, tmp_path) as (client, _):
        answer = client.post("/v1/decide", json={"length": 3})
        assert "no version of guess is installed yet" in refused(answer, 503)
        assert int(answer.headers["retry-after"]) >= 1


# ---- the same request again


def test_same_request_again_gets_the_decision_it_got(shelf):
    first = decide(shelf, {"id": "look", "visitor": "ada", "at": NOON})
    shelf.post("/v1/events", json={"type": "Buy", "visitor": "ada", "good": "g1", "id": "b2"})
    assert decide(shelf, {"id": "look", "visitor": "ada", "at": NOON}) == first


def test_retry_need_not_repeat_the_instant_that_the_server_gave(shelf):
    assert decide(shelf, {"id": "look", "visitor": "ada"}) == decide(shelf, {"id": "look", "visitor": "ada"})


def test_request_twice_in_one_body_is_decided_once(shelf):
    first, second = decide(shelf, [{"id": "look", "visitor": "ada", "at": NOON}] * 2)
    assert first == second


def test_other_request_under_a_used_id_is_a_conflict(shelf):
    decide(shelf, {"id": "look", "visitor": "ada"})
    assert "limit" in refused(shelf.post("/v1/decide", json={"id": "look", "visitor": "ada", "limit": 1}), 409)


def test_same_request_from_many_threads_is_one_decision(shelf):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: decide(shelf, {"id": "look", "visitor": "ada", "at": NOON}), range(16)))
    assert all(one == answers[0] for one in answers)


def test_restarted_server_answers_a_decided_request_from_the_log(tmp_path):
    with served(RANK, tmp_path) as (client, _):
        client.post("/v1/events", json=STOCK)
        first = decide(client, {"id": "look", "visitor": "ada"})
    with served(RANK, tmp_path) as (client, _):
        client.post("/v1/events", json={"type": "Buy", "visitor": "ada", "good": "g1", "id": "b2"})
        assert decide(client, {"id": "look", "visitor": "ada"}) == first


def test_training_sees_what_serving_saw_after_a_restart_too(tmp_path):
    with served(RANK, tmp_path) as (client, engine):
        client.post("/v1/events", json=STOCK)
        publish_ranker(engine)
        decide(client, [{"visitor": "ada"}, {"visitor": "bob"}])
        client.post("/v1/events", json={"type": "Buy", "visitor": "bob", "good": "g1"})
    with served(RANK, tmp_path) as (client, engine):
        decide(client, {"visitor": "bob"})
        client.post("/v1/events", json={"type": "Buy", "at": "2025-12-30T00:00:00Z", "visitor": "ada", "good": "g1"})
        decide(client, {"visitor": "ada"})
        proof = verify(engine.loaded, LogHistory(engine.home.log, engine.loaded), EVER, NOW + DAY)
    assert (proof.decisions, proof.values, proof.mismatches) == (4, 4 * 3 * 5, ())


# ---- events


def test_event_is_seen_by_the_next_decision(shelf):
    shelf.post("/v1/events", json=[{"type": "Buy", "id": f"more-{n}", "visitor": "bob", "good": "g1"} for n in range(3)])
    assert decide(shelf, {"visitor": "ada"})["items"][0]["candidate"] == "g1"


def test_event_sent_twice_counts_once(shelf):
    buy = {"type": "Buy", "id": "b9", "at": NOON, "visitor": "ada", "good": "g1"}
    assert shelf.post("/v1/events", json=buy).json()["accepted"] == 1
    again = shelf.post("/v1/events", json=[buy, buy]).json()
    assert (again["accepted"], again["duplicates"], again["ids"]) == (0, 2, ["b9", "b9"])


def test_other_event_under_a_used_id_is_a_conflict_and_nothing_of_its_body_is_kept(shelf):
    body = [{"type": "Buy", "id": "new", "visitor": "ada", "good": "g1"}, {"type": "Buy", "id": "b1", "visitor": "eve", "good": "g2"}]
    assert "b1" in refused(shelf.post("/v1/events", json=body), 409)
    assert shelf.post("/v1/events", json=body[0]).json()["accepted"] == 1


def test_no_events_are_accepted_as_none(shelf):
    assert shelf.post("/v1/events", json=[]).json()["accepted"] == 0


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"type": "Buy", "visitor": "ada", "good": "g1", "at": "2026-01-01T12:06:00Z"}, "at"),  # from the future
        ({"type": "Buy", "visitor": "ada", "good": "g1", "at": "2026-01-01T11:00:00"}, "at"),  # naive
        ({"type": "Buy", "visitor": "ada", "good": "g1", "at": "yesterday"}, "at"),
        ({"type": "Buy", "visitor": "ada", "good": 7}, "good"),
        ({"type": "Buy", "visitor": "ada", "good": "g1", "cents": "7"}, "cents"),
        ({"type": "Buy", "visitor": "ada", "good": "g1", "cents": 2**70}, "cents"),
        ({"type": "Buy", "visitor": "ada"}, "good"),
        ({"type": "Buy", "visitor": "ada", "good": "g1", "colour": "red"}, "colour"),
        ({"type": "Bye", "visitor": "ada"}, "type"),
        ({"visitor": "ada"}, "type"),
        ({"type": ["Buy"]}, "type"),
        ("Buy", "type"),
        ({"type": "Good", "id": "", "kind": "toy", "added_at": NOON}, "id"),
        ({"type": "Good", "id": "g9", "kind": "toy", "added_at": "2026-01-01T11:00:00"}, "added_at"),
    ],
)
def test_wrong_event_is_refused_naming_its_field(shelf, event, field):
    refused(shelf.post("/v1/events", json=event), 422, field)


def test_wrong_record_of_many_is_named_and_none_is_kept(shelf):
    good = {"type": "Buy", "id": "ok", "visitor": "ada", "good": "g1"}
    assert "record 1" in refused(shelf.post("/v1/events", json=[good, {"type": "Buy"}]), 422, "visitor")
    assert shelf.post("/v1/events", json=good).json()["accepted"] == 1


# ---- bodies that are no requests


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"visitor": "ada", "limit": "many"}, "limit"),
        ({"visitor": "ada", "limit": 2.5}, "limit"),
        ({"visitor": "ada", "limit": 0}, "limit"),
        ({"visitor": "ada", "limit": -3}, "limit"),
        ({"limit": 2}, "visitor"),
        ({"visitor": None}, "visitor"),
        ({"visitor": "ada", "viewer": "ada"}, "viewer"),
        ({"visitor": "ada", "at": "2026-01-01T11:00:00"}, "at"),
        ({"visitor": "ada", "at": "2027-01-01T12:00:00Z"}, "at"),
        ([{"visitor": "ada"}, {}], "visitor"),
        ([], ""),
        ([[{"visitor": "ada"}]], ""),
        ("ada", ""),
        (None, ""),
    ],
)
def test_wrong_request_is_refused_naming_its_field(shelf, body, field):
    refused(shelf.post("/v1/decide", json=body), 422, field)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"visitor": 5}, "Look: `visitor` takes text, not a whole number"),
        ({"visitor": "ada", "limit": "3"}, "Look: `limit` takes a whole number, not text"),
        ({"visitor": "ada", "limit": 2.5}, "Look: `limit` takes a whole number, not a number with a point"),
        ({"visitor": "ada", "limit": None}, "Look: `limit` takes a whole number, not null"),
        ({"visitor": "ada", "limit": -3}, "Look: `limit` says how many to take: write 1 or more, not -3"),
        ([{"visitor": "ada"}, {"visitor": "ada", "limit": 0}], "request 1: Look: `limit` says how many to take: write 1 or more, not 0"),
        ({"visitor": "ada", "at": "noon"}, "Look: `at` does not say when: write an instant with its time zone, such as 2026-"),
        ({"visitor": "ada", "at": "2026-01-31T12:00:00"}, "Look: `at` does not say when: write an instant with its time zone,"),
    ],
)
def test_wrong_type_is_told_in_words(shelf, body, said):
    assert refused(shelf.post("/v1/decide", json=body), 422).startswith(said)


def test_request_to_take_nothing_is_neither_decided_nor_logged(tmp_path):
    with served(RANK, tmp_path) as (client, engine):
        refused(client.post("/v1/decide", json={"visitor": "ada", "id": "none", "limit": 0}), 422, "limit")
        assert engine.home.log.find(engine.loaded.system.request, "none") is None
        assert engine.home.log.decision("none") is None
        assert len(decide(client, {"visitor": "ada", "id": "none", "limit": 1})["items"]) <= 1, "its id is free still"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"visitor": NaN}', b"[" * 5000 + b"]" * 5000])
@pytest.mark.parametrize("path", ["/v1/decide", "/v1/events"])
def test_body_that_is_not_json_is_refused(shelf, path, body):
    refused(shelf.post(path, content=body), 422)


@pytest.mark.parametrize("path", ["/v1/decide", "/v1/events", "/v1/decisions/look/outcome"])
def test_body_too_large_is_refused_before_it_is_read(shelf, path):
    refused(shelf.post(path, content=b" " * (16 * 2**20 + 1)), 413)
    refused(shelf.post(path, content=_unannounced()), 413)


@pytest.mark.parametrize(("path", "status"), [("/v1/decide", 422), ("/v1/events", 422), ("/v2/models/ranker/infer", 404)])
def test_how_large_a_body_may_be_is_the_servers_to_say(tmp_path, path, status):
    with served(RANK, tmp_path, most_bytes=1000) as (client, _):
        assert client.post(path, content=b" " * 1000).status_code == status
        refused = client.post(path, content=b" " * 1001)
        assert (refused.status_code, "larger than 1 kB, the most that is taken here" in refused.text) == (413, True)


async def _unannounced():
    """Yield a body too large whose length no header says."""
    for _ in range(17):
        yield b" " * 2**20


def test_too_many_records_are_refused(shelf):
    assert "at most 10000" in refused(shelf.post("/v1/events", json=[{}] * 10_001), 422)


# ---- what came of a decision


def test_outcome_by_decision_fills_the_references(tmp_path):
    with served(RANK, tmp_path) as (client, engine):
        client.post("/v1/events", json=STOCK)
        decide(client, {"id": "look", "visitor": "ada"})
        told = client.post("/v1/decisions/look/outcome", json={"type": "Buy", "candidate": "g5", "cents": 250, "id": "sale"})
        sale = engine.home.log.find(engine.loaded.streams["Buy"], "sale")
    assert told.json()["accepted"] == 1
    assert (sale.visitor, sale.good, sale.cents) == ("ada", "g5", 250)


def test_reference_that_is_given_is_kept(tmp_path):
    with served(RANK, tmp_path) as (client, engine):
        client.post("/v1/events", json=STOCK)
        decide(client, {"id": "look", "visitor": "ada"})
        client.post("/v1/decisions/look/outcome", json={"type": "Buy", "good": "g1", "visitor": "bob", "id": "sale"})
        sale = engine.home.log.find(engine.loaded.streams["Buy"], "sale")
    assert (sale.visitor, sale.good) == ("bob", "g1")


def test_outcome_of_a_score_names_the_request(till):
    decide(till, {"id": "p1", "card": "c", "cents": 5})
    assert till.post("/v1/decisions/p1/outcome", json={"type": "Dispute", "note": "stolen"}).json()["accepted"] == 1


def test_outcome_that_names_another_request_is_refused(till):
    decide(till, {"id": "p1", "card": "c", "cents": 5})
    decide(till, {"id": "p2", "card": "c", "cents": 5})
    said = refused(till.post("/v1/decisions/p1/outcome", json={"type": "Dispute", "payment": "p2", "note": "stolen"}), 422, "payment")
    assert said == "`payment` names 'p2', and this is told of p1: leave it out"
    assert till.post("/v1/decisions/p1/outcome", json={"type": "Dispute", "payment": "p1", "note": "stolen"}).json()["accepted"] == 1


def test_only_candidate_taken_need_not_be_named(shelf):
    decide(shelf, {"id": "look", "visitor": "ada", "limit": 1})
    assert shelf.post("/v1/decisions/look/outcome", json={"type": "Buy"}).json()["accepted"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "Buy"}, "candidate"),  # three were taken
        ({"type": "Buy", "candidate": "g1"}, "candidate"),  # considered, not taken
        ({"type": "Buy", "candidate": 5}, "candidate"),
        ({"type": "Buy", "candidate": "g2", "colour": "red"}, "colour"),
        ({"type": "Dispute"}, "type"),
        ({}, "type"),
        ([], "type"),
    ],
)
def test_wrong_outcome_is_refused_naming_its_field(shelf, body, field):
    decide(shelf, {"id": "look", "visitor": "ada"})
    refused(shelf.post("/v1/decisions/look/outcome", json=body), 422, field)


# ---- looking at a decision


def test_decision_is_returned_as_it_was_logged(shelf):
    decide(shelf, {"id": "look", "visitor": "ada", "at": NOON})
    found = shelf.get("/v1/decisions/look").json()
    assert found["request"] == {"id": "look", "at": NOON, "visitor": "ada", "limit": 3}
    assert found["decision"]["candidate"] == ["g2", "g5", "g4", "g3", "g1"]
    assert found["decision"]["taken"] == 3


@pytest.mark.parametrize("path", ["/v1/decisions/none", "/v1/decisions/none/explain"])
def test_unknown_decision_is_not_found(shelf, path):
    assert "'none'" in refused(shelf.get(path), 404)


def test_outcome_of_an_unknown_decision_is_not_found(shelf):
    refused(shelf.post("/v1/decisions/none/outcome", json={"type": "Buy"}), 404)


def test_decision_whose_id_has_a_slash_is_found(shelf):
    decide(shelf, {"id": "shop/1", "visitor": "ada"})
    assert shelf.get("/v1/decisions/shop/1").json()["decision"]["id"] == "shop/1"
    assert shelf.get("/v1/decisions/shop%2F1/explain").status_code == 200


def test_explanation_shows_features_by_name_and_the_reasons(tmp_path):
    with served(RANK, tmp_path) as (client, engine):
        client.post("/v1/events", json=[*STOCK, *({"type": "Buy", "id": f"m{n}", "visitor": "bob", "good": "g2"} for n in range(4))])
        publish_ranker(engine)
        decide(client, {"id": "look", "visitor": "ada"})
        why = client.get("/v1/decisions/look/explain").json()
    best = why["taken"][0]
    assert why["considered"] == 5
    assert best["candidate"] == "g2"
    assert best["values"] == {"bought": 5, "shown": 0, "mine": 1, "Good.kind": "toy", "Visitor.country": "nl"}
    assert best["predictions"]["sold"] == pytest.approx(best["score"])
    assert best["reasons"][0]["feature"] == "bought"
    assert best["reasons"][0]["adds"] > 0


def test_explanation_without_a_model_says_why_there_are_no_reasons(shelf):
    decide(shelf, {"id": "look", "visitor": "ada"})
    why = shelf.get("/v1/decisions/look/explain").json()
    assert "plain has no model" in why["unexplained"]
    assert len(why["taken"]) == 3


# ---- for machines


def test_probes_say_that_it_lives_and_what_serves(shelf):
    assert shelf.get("/healthz").json() == {"alive": True}
    assert shelf.get("/readyz").json() == {"system": "shelf", "release": None, "candidate": None}


def test_metrics_count_decisions_misses_events_and_refusals(shelf):
    decide(shelf, [{"visitor": "ada"}, {"visitor": "bob"}])
    shelf.post("/v1/decide", json={})
    text = shelf.get("/metrics").text
    for line in (
        'millrace_decisions_total{action="shown",arm="",policy="plain",system="shelf"} 2.0',
        'millrace_misses_total{name="ranked",system="shelf"} 2.0',
        'millrace_events_total{result="new",system="shelf"} 7.0',
        'millrace_errors_total{status="422",system="shelf"} 1.0',
        'millrace_request_seconds_count{route="/v1/decide",system="shelf"} 2.0',
    ):
        assert line in text.splitlines()
    seen = next(line for line in text.splitlines() if line.startswith("millrace_last_known_seconds{"))
    assert float(seen.split()[1]) == pytest.approx(1767268800, abs=1)


def test_path_or_method_that_is_not_served_is_said_in_the_same_words(shelf):
    assert "/openapi.json" in refused(shelf.get("/v1/nothing"), 404)
    assert "GET" in refused(shelf.get("/v1/decide"), 405)


def test_path_below_v2_that_no_route_takes_is_said_in_a_sentence_as_clients_of_that_protocol_read_it(shelf):
    for path in ("/v2/models/a%0Ab", "/v2/%0A"):  # no route takes a line's end
        found = shelf.get(path)
        assert found.status_code == 404
        assert found.json()["error"].endswith("see /openapi.json")
