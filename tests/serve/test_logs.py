"""Lines of a log: what is said in text is said in JSON, and neither says a secret."""

import json
import logging

import pytest

from millrace.decision import Decision
from millrace.serve.logs import FORMATS, REQUEST, Lines, decided, decisions_log, request_of
from tests.serve.tiny import served

KEY = "mr_" + "k3" * 21 + "k"  # as keys are; a drawn one would name the tests otherwise in each process


def line(form, message, *values, secrets=(), error=None, **extra):
    record = logging.LogRecord("millrace.serve", logging.WARNING, __file__, 1, message, values, error)
    record.__dict__.update(extra)
    return Lines(form, "shelf", secrets).format(record)


def test_json_line_is_one_object_with_what_is_known():
    lines = Lines("json", "shelf", who="worker 7")
    lines.release = lambda: "r1"
    token = REQUEST.set("abc")
    record = logging.LogRecord("millrace.serve", logging.INFO, __file__, 1, "%s\nended", ("it",), None)
    record.created, record.msecs, record.decision = 1_767_268_800.25, 250.0, "d1"
    said = json.loads(lines.format(record))
    REQUEST.reset(token)
    assert said == {
        "time": "2026-01-01T12:00:00.250Z",
        "level": "info",
        "logger": "millrace.serve",
        "message": "it\nended",
        "system": "shelf",
        "release": "r1",
        "request": "abc",
        "process": "worker 7",
        "decision": "d1",
    }
    assert "\n" not in lines.format(record)


def test_error_is_told_with_where_it_happened():
    try:
        raise ValueError("no")
    except ValueError as error:
        said = json.loads(line("json", "it failed", error=(type(error), error, error.__traceback__)))
    assert "ValueError: no" in said["error"]
    assert "test_logs.py" in said["error"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "secret, said",
    [
        (KEY, f"key {KEY} is bad"),
        ("hunter2", "cannot reach redis://ada:hunter2@cache:6379/0"),
        ("c2VjcmV0LXNlY3JldA==", "authorization: Basic c2VjcmV0LXNlY3JldA=="),
        (KEY, f"Authorization: Bearer {KEY}"),
        ("0123456789abcdef", "the token is 0123456789abcdef, it says"),
    ],
)
def test_secret_is_left_out_of_message_error_and_extra(form, secret, said):
    try:
        raise ValueError(said)
    except ValueError as error:
        text = line(form, "%s", said, secrets=["0123456789abcdef"], error=(type(error), error, error.__traceback__), policy=said)
    assert "***" in text
    assert secret not in text


def test_request_is_called_what_its_caller_calls_it():
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert request_of({}) == ""
    assert request_of({"traceparent": trace}) == "0af7651916cd43dd8448eb211c80319c"
    assert request_of({"traceparent": trace, "x-request-id": "mine"}) == "mine"
    assert request_of({"x-request-id": "two\nlines"}) == ""
    assert len(request_of({"x-request-id": "x" * 10_000})) == 100


def test_decisions_are_lines_only_where_that_was_asked_for(caplog):
    one = Decision(id="r1", at=0, system="shelf", watermark=0, policy="plain", action="shown", release="r7", missed=["ranked"])
    before = decisions_log.level
    try:
        decisions_log.setLevel(logging.WARNING)
        decided([one], 0.0125)
        assert caplog.records == []
        decisions_log.setLevel(logging.INFO)
        decided([one], 0.0125)
    finally:
        decisions_log.setLevel(before)
    (record,) = caplog.records
    said = json.loads(Lines("json", "shelf").format(record))
    assert said["message"] == "'r1': shown by plain in 12.5 ms"
    assert {name: said[name] for name in ("decision", "release", "policy", "action", "missed", "took_ms")} == {
        "decision": "r1",
        "release": "r7",
        "policy": "plain",
        "action": "shown",
        "missed": ["ranked"],
        "took_ms": 12.5,
    }


def test_private_field_is_on_no_line_whatever_is_wrong_with_its_request(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    before = decisions_log.level
    decisions_log.setLevel(logging.INFO)
    secret = "a-very-private-wish"
    try:
        with served("tests.serve.intimate", tmp_path) as (client, _):
            good = {"id": "b1", "member": "ada", "wish": secret}
            bodies = [
                good,
                {**good, "wish": [secret]},
                {**good, "member": 5},
                {**good, "more": secret},
                {**good, "id": "b1", "wish": secret + "!"},
            ]
            statuses = [client.post("/v1/decide", json=one).status_code for one in bodies]
    finally:
        decisions_log.setLevel(before)
    assert statuses[0] == 200
    assert min(statuses[1:]) >= 400
    lines = [Lines(form, "club").format(record) for record in caplog.records for form in FORMATS]
    assert any("b1" in one for one in lines), "the decision is a line"
    assert not any(secret in one for one in lines if "httpx" not in one)
