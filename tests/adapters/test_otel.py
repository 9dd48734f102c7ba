"""Traces, sent to a collector that decodes them: whose they are, how they hang together, and what they do not say."""

import pytest

pytest.importorskip("opentelemetry.sdk", reason="needs pip install 'millrace[otel]'")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs pip install 'millrace[otel]'")

from millrace.adapters.otel import tracer
from millrace.errors import BadInput
from tests.adapters.collector import attributes, collecting
from tests.serve.tiny import served

SHOP = "tests.serve.tiny_faulty"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = {"type": "Good", "id": "mug", "price": 2.0, "added_at": "2026-01-01T00:00:00Z"}


@pytest.fixture
def traced(tmp_path):
    """A shop that is asked while a collector listens; gives what the calls answered, and what came."""

    def ask(*calls, system=SHOP, events=(GOOD,)):
        with collecting() as there:
            with served(system, tmp_path, tracer=tracer(there.url, "shop")) as (client, _):
                for event in events:
                    assert client.post("/v1/events", json=event).status_code == 200
                answers = [client.post("/v1/decide", json=body, headers=headers) for body, headers in calls]
            return answers, there

    return ask


def test_trace_of_the_caller_goes_on_with_a_span_for_each_stage(traced):
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=7"}
    (answer,), there = traced(({"id": "r1"}, headers))
    assert answer.status_code == 200
    assert set(there.paths) == {"/v1/traces"}
    by_id = {span.span_id: span for span in there.spans}
    named = {span.name: span for span in there.spans}
    roots = [span for span in there.spans if span.parent_span_id.hex() == PARENT]
    assert [span.name for span in roots] == ["decide"]
    root = roots[0]
    assert {span.trace_id.hex() for span in there.spans} == {TRACE}
    assert root.trace_state == "vendor=7"
    assert attributes(root) == {
        "millrace.decision.id": "r1",
        "millrace.release": "",
        "millrace.policy": "plain",
        "millrace.action": "shown",
        "millrace.arm": "",
        "millrace.missed": ["best"],
    }
    below = {span.name for span in there.spans if span.parent_span_id == root.span_id}
    assert below == {"decode", "wait", "view", "decide", "record", "commit"}
    (policy,) = (span for span in there.spans if span.name == "decide" and span.span_id != root.span_id)
    assert {span.name for span in there.spans if span.parent_span_id == policy.span_id} == {"best", "sources", "features"}
    assert {span.name for span in there.spans if span.parent_span_id == named["best"].span_id} == {"sources"}
    for span in there.spans:
        assert span.start_time_unix_nano <= span.end_time_unix_nano
        if parent := by_id.get(span.parent_span_id):
            assert parent.start_time_unix_nano <= span.start_time_unix_nano
            assert span.end_time_unix_nano <= parent.end_time_unix_nano
    assert there.resource["service.name"] == "millrace"
    assert there.resource["millrace.system"] == "shop"


def test_caller_without_a_trace_begins_one_and_each_call_is_its_own(traced):
    _, there = traced(([{"id": "a"}, {"id": "b"}], {}), ({"id": "c"}, {"traceparent": "nonsense"}))
    roots = [span for span in there.spans if not span.parent_span_id]
    assert len({span.trace_id for span in roots}) == len(roots) == 2
    assert attributes(roots[0])["millrace.decision.ids"] == ["a", "b"]
    assert attributes(roots[0])["millrace.decisions"] == 2
    assert attributes(roots[1])["millrace.decision.id"] == "c"


def test_caller_that_does_not_want_to_be_traced_is_not(traced):
    _, there = traced(({"id": "a"}, {"traceparent": f"00-{TRACE}-{PARENT}-00"}))
    assert there.spans == []


def test_refused_call_is_an_error_by_its_name_alone(traced):
    (answer,), there = traced(({"id": "a", "limit": "nobody-should-read-this"}, {}))
    assert answer.status_code == 422
    (root,) = (span for span in there.spans if not span.parent_span_id)
    assert root.status.code == 2
    assert attributes(root) == {"error.type": "BadInput"}
    assert b"nobody-should-read-this" not in b"".join(there.bodies)


def test_trace_says_nothing_of_what_was_asked_but_ids(traced):
    secret = "a-very-private-wish"
    (answer,), there = traced(({"id": "b1", "member": "ada-lovelace", "wish": secret}, {}), system="tests.serve.intimate", events=())
    assert answer.status_code == 200
    sent = b"".join(there.bodies)
    assert b"b1" in sent
    assert secret.encode() not in sent
    assert b"ada-lovelace" not in sent


def test_collector_that_is_away_holds_nobody_up(tmp_path):
    with collecting() as gone:
        pass
    with served(SHOP, tmp_path, tracer=tracer(gone.url, "shop")) as (client, _):
        client.post("/v1/events", json=GOOD)
        assert [client.post("/v1/decide", json={"id": f"r{n}"}).status_code for n in range(5)] == [200] * 5


@pytest.mark.parametrize("url", ["localhost:4318", "http://", "grpc://localhost:4317", "http://ada:secret@localhost:4318"])
def test_url_of_no_collector_or_with_a_password_is_refused_without_being_repeated(url):
    with pytest.raises(BadInput) as refused:
        tracer(url, "shop")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("path", ["", "/", "/v1/traces", "/v1/traces/"])
def test_path_of_traces_is_added_unless_it_is_there(path, tmp_path):
    with collecting() as there:
        with served(SHOP, tmp_path, tracer=tracer(there.url + path, "shop")) as (client, _):
            client.post("/v1/decide", json={"id": "a"})
        assert set(there.paths) == {"/v1/traces"}
