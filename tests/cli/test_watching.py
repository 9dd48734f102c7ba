"""`millrace serve`, watched: its log as JSON, its traces at a collector, its numbers over several workers."""

import json
import re
import time

import pytest

from millrace.cli.scaffold import scaffold
from tests.adapters.collector import attributes, collecting
from tests.cli.test_serving import ITEM, answer, server

pytestmark = pytest.mark.server

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def samples(text, name):
    return [line for line in text.splitlines() if re.match(rf"{name}[{{ ]", line)]


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_served_decision_is_found_in_log_traces_and_metrics(tmp_path, workers):
    scaffold("shop", "rank", tmp_path)
    with collecting() as there:
        options = ["--traces", there.url, "--log-format", "json", "--log-decisions", "--workers", workers]
        with server(tmp_path, *options) as (client, process):
            client.post("/v1/events", json=[ITEM, {"type": "User", "id": "ada", "country": "nl"}])
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "x-request-id": "call-7"}
            assert client.post("/v1/decide", json={"id": "visit-1", "user": "ada"}, headers=headers).status_code == 200
            until = time.monotonic() + 30
            while not samples(text := client.get("/metrics").text, "millrace_stage_seconds_count"):  # another worker may be asked
                assert time.monotonic() < until
                time.sleep(0.1)
            process.terminate()
            _, said = process.communicate(timeout=60)
        (root,) = (span for span in there.spans if span.parent_span_id.hex() == PARENT)
        assert attributes(root)["millrace.decision.id"] == "visit-1"
    stages = {re.search(r'stage="(\w+)"', line)[1] for line in samples(text, "millrace_stage_seconds_count")}
    assert stages >= {"decode", "wait", "view", "sources", "choose", "record", "commit"}
    assert len(samples(text, "millrace_limit")) == len(samples(text, "millrace_under_way")) == 1, "one number, however many workers"
    (decided,) = (line for line in lines(said) if line["logger"] == "millrace.decisions")
    expected = {"decision": "visit-1", "request": "call-7", "system": "shop", "policy": "popular", "level": "info"}
    assert {name: decided[name] for name in expected} == expected
    assert decided.get("process", "").startswith("worker" if workers == "2" else "")
    assert "ada" not in said


@pytest.mark.parametrize(
    "options, said",
    [
        (["--log-format", "xml"], "choose text or json"),
        (["--traces", "localhost:4318"], "http://localhost:4318"),
        (["--traces", "http://ada:secret@localhost:4318"], "OTEL_EXPORTER_OTLP_HEADERS"),
    ],
)
def test_wrong_option_is_refused_before_anything_starts(tmp_path, options, said):
    scaffold("shop", "rank", tmp_path)
    status, out, err = answer(tmp_path, "serve", "shop.py", "--port", "0", *options)
    assert (status, out) == (1, "")
    assert said in err
    assert "secret" not in err
    assert not (tmp_path / ".millrace").exists()
