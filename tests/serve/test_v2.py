"""The Open Inference Protocol in front of tiny systems: what is answered, what is refused, and that nothing of it is a decision."""

import gzip
import json
import logging

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millrace.serve.incoming import MOST_BYTES
from tests.serve.tiny import RANK, SCORE, publish_ranker, publish_risk, served

INFER = "/v2/models/risk/infer"


@pytest.fixture
def till(tmp_path):
    with served(SCORE, tmp_path) as (client, engine):
        publish_risk(engine)
        yield client, engine


def matrix(rows, **fields):
    data = [value for row in rows for value in row]
    return {"inputs": [{"name": "features", "shape": [len(rows), 3], "datatype": "FP64", "data": data}], **fields}


def scored(engine, rows):
    """Return what the version itself says of rows."""
    model = engine.loaded.models["risk"]
    columns = dict(zip((one.column for one in model.features), np.array(rows, dtype=float).T, strict=True))
    return engine.versions.load(engine.installed.versions["risk"]).score(columns)[model.heads[0]].tolist()


def refused(answer, status):
    """Check that an answer is a refusal in the words of the protocol, and return what it says."""
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    return answer.json()["error"]


def test_rows_are_scored_by_the_version_that_serves(till):
    client, engine = till
    rows = [[1, 100, 100], [2, 900, None], [0, 0, 5000]]
    said = client.post(INFER, json=matrix(rows, id="q")).json()
    assert said == {
        "model_name": "risk",
        "model_version": engine.installed.versions["risk"],
        "outputs": [{"name": "disputed", "datatype": "FP64", "shape": [3], "data": scored(engine, rows)}],
        "id": "q",
    }


def test_body_without_a_content_type_is_read(till):
    client, engine = till
    answered = client.post(INFER, content=json.dumps(matrix([[1, 2, 3]])).encode())
    assert "content-type" not in answered.request.headers
    assert answered.json()["outputs"][0]["data"] == scored(engine, [[1, 2, 3]])


@pytest.mark.parametrize("n", [1, 65, 3000, 10_000])
def test_many_rows_are_scored_as_few_are(till, n):
    client, engine = till
    rows = np.random.default_rng(n).integers(0, 999, (n, 3)).tolist()
    assert client.post(INFER, json=matrix(rows)).json()["outputs"][0]["data"] == scored(engine, rows)


def test_packed_body_is_read_and_one_that_grows_too_large_is_refused(till):
    client, engine = till
    packed = gzip.compress(json.dumps(matrix([[1, 2, 3]])).encode())
    assert client.post(INFER, content=packed, headers={"content-encoding": "gzip"}).json()["outputs"][0]["data"] == scored(
        engine, [[1, 2, 3]]
    )
    bomb = gzip.compress(bytes(MOST_BYTES + 1))
    assert "16 MiB" in refused(client.post(INFER, content=bomb, headers={"content-encoding": "gzip"}), 413)
    assert "16 MiB" in refused(client.post(INFER, content=bytes(MOST_BYTES + 1)), 413)


def test_inferences_are_counted_and_are_no_decisions(till):
    client, engine = till
    before = engine.home.log.last_known
    for rows in ([[1, 2, 3]], [[1, 2, 3], [4, 5, 6]]):
        client.post(INFER, json=matrix(rows))
    lines = client.get("/metrics").text.splitlines()
    assert f'millrace_inferences_total{{model="risk",system="till",version="{engine.installed.versions["risk"]}"}} 3.0' in lines
    assert 'millrace_request_seconds_count{route="/v2/models/{model}/infer",system="till"} 2.0' in lines
    assert not any(line.startswith("millrace_decisions_total{") for line in lines)
    assert engine.home.log.last_known == before


def test_version_is_named_by_its_id_or_its_number_and_the_champion_answers_for_no_name(tmp_path):
    with served(RANK, tmp_path) as (client, engine):
        publish_ranker(engine)
        first = engine.installed.versions["ranker"]

        def save(folder):
            engine.versions.load(first).save(folder)
            (folder / "note.txt").write_text("another")

        again = engine.home.registry.publish("ranker", save, engine.home.registry.get(first).lineage, {}, {}).version
        names = ("bought", "shown", "mine", "Good.kind", "Visitor.country")
        inputs = [{"name": name, "shape": [1], "datatype": "FP64", "data": [1]} for name in names[:3]]
        inputs += [{"name": name, "shape": [1], "datatype": "BYTES", "data": ["toy"]} for name in names[3:]]
        for path, version in (("", first), ("/versions/1", first), ("/versions/2", again), (f"/versions/{again}", again)):
            answered = client.post(f"/v2/models/ranker{path}/infer", json={"inputs": inputs})
            assert answered.json()["model_version"] == version, answered.text
            assert client.get(f"/v2/models/ranker{path}").json()["parameters"] == {"version": version}
        assert client.get("/v2/models/ranker").json()["versions"] == [first, again]


def test_version_of_another_declaration_is_not_served(till):
    client, engine = till
    lineage = engine.home.registry.get(engine.installed.versions["risk"]).lineage
    other = type(lineage)(**{name: getattr(lineage, name) for name in lineage.__struct_fields__} | {"declaration": "another"})
    version = engine.versions.load(engine.installed.versions["risk"])
    record = engine.home.registry.publish("risk", version.save, other, {}, {})
    assert "another declaration" in refused(client.post(f"/v2/models/risk/versions/{record.number}/infer", json=matrix([[1, 2, 3]])), 400)
    refused(client.get(f"/v2/models/risk/versions/{record.number}/ready"), 400)
    assert record.version not in client.get("/v2/models/risk").json()["versions"]
    states = {one["version"]: one["state"] for one in client.post("/v2/repository/index").json()}
    assert states == {engine.installed.versions["risk"]: "READY", record.version: "UNAVAILABLE"}
    ready = client.post("/v2/repository/index", json={"ready": True}).json()
    assert [one["version"] for one in ready] == [engine.installed.versions["risk"]]


def test_model_without_a_version_is_said_to_have_none(tmp_path):
    with served(SCORE, tmp_path) as (client, _):
        assert client.get("/v2/health/ready").json() == {"ready": True}
        for path in ("/v2/models/risk", "/v2/models/risk/ready"):
            assert "no version of risk serves yet" in refused(client.get(path), 404)
        assert "no version of risk serves yet" in refused(client.post(INFER, json=matrix([[1, 2, 3]])), 404)
        assert client.post("/v2/repository/index", content=b"").json() == [
            {"name": "risk", "state": "UNAVAILABLE", "reason": "it has no version yet"}
        ]


def test_damaged_champion_makes_the_server_unready(tmp_path, caplog):
    with served(SCORE, tmp_path) as (client, engine):
        publish_risk(engine)
        assert client.get("/v2/health/ready").status_code == 200
        folder = engine.home.registry.folder(engine.installed.versions["risk"])
    (folder / "logistic.json").write_text("{}")
    with caplog.at_level(logging.CRITICAL), served(SCORE, tmp_path) as (client, _):
        answered = client.get("/v2/health/ready")
        assert (answered.status_code, answered.json()) == (503, {"ready": False})
        assert client.get("/v2/health/live").json() == {"live": True}
        refused(client.post(INFER, json=matrix([[1, 2, 3]])), 404)


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("get", "/v2/nothing", 404, "no /v2/nothing"),
        ("get", "/v2x", 404, "no /v2x"),
        ("get", "/v2/models/nobody", 404, "the models are risk"),
        ("get", "/v2/models/nobody/ready", 404, "the models are risk"),
        ("get", "/v2/models/shop.tills.risk/versions/risk-0001/ready", 404, "no model 'shop.tills.risk'"),
        ("post", "/v2/models/nobody/infer", 404, "the models are risk"),
        ("get", INFER, 405, "does not take GET"),
        ("post", "/v2/health/live", 405, "does not take POST"),
        ("get", "/v2/models/risk/versions/none", 404, "no version 'none'"),
    ],
)
def test_what_is_not_served_is_said_in_the_words_of_the_protocol(till, method, path, status, said):
    assert said in refused(getattr(till[0], method)(path), status)


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"ready": 1}', b"\xff"])
def test_wrong_question_for_the_index_is_refused(till, body):
    assert "ready" in refused(till[0].post("/v2/repository/index", content=body), 400)


def test_whatever_is_sent_is_answered_or_refused(till):
    client, _ = till
    good = json.dumps(matrix([[1, 2, 3]], outputs=[{"name": "disputed", "parameters": {"binary_data": True}}])).encode()
    lengths = (
        st.none() | st.integers(0, 2 * len(good)).map(str) | st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=5)
    )
    changes = st.lists(st.tuples(st.integers(0, len(good)), st.integers(0, 9), st.binary(max_size=5)), max_size=3)

    @settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(changes, lengths, st.sampled_from(["", "identity", "gzip", "deflate", "br"]))
    def ask(changes, length, encoding):
        body = good
        for place, removed, added in changes:
            body = body[:place] + added + body[place + removed :]
        headers = ({"inference-header-content-length": length} if length is not None else {}) | {"content-encoding": encoding}
        answered = client.post(INFER, content=body, headers=headers)
        if answered.status_code != 200:
            assert refused(answered, 400)

    ask()
