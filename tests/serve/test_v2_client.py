"""The Open Inference Protocol as its reference client speaks it, to a server on a port."""

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException

from tests.serve.tiny import RANK, publish_ranker, served

pytestmark = pytest.mark.server

ROWS = {
    "bought": np.array([0.0, 5.0, np.nan]),
    "shown": np.ones(3),
    "mine": np.zeros(3),
    "Good.kind": np.array(["toy", "book", "never seen"], dtype=object),
    "Visitor.country": np.array(["nl", "nl", "de"], dtype=object),
}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A client of a server that runs as its users run it, and what its version says of the rows."""
    folder = tmp_path_factory.mktemp("shelf")
    with served(RANK, folder) as (_, engine):
        publish_ranker(engine)
        version = engine.versions.load(engine.installed.versions["ranker"])
        columns = dict(zip((one.column for one in engine.loaded.models["ranker"].features), ROWS.values(), strict=True))
        expected = version.score(columns | {"position": np.zeros(3)})[version.heads[0]]
    command = [sys.executable, "-m", "millrace", "serve", RANK, "--home", str(folder), "--port", "0", "--no-operate"]
    environment = {**os.environ, "COLUMNS": "160"}
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], env=environment, stdout=subprocess.PIPE, text=True) as process:
        found = re.search(r"http://([\d.]+:\d+)", process.stdout.readline())
        assert found
        try:
            with triton.InferenceServerClient(found[1], concurrency=8, connection_timeout=60, network_timeout=60) as client:
                wait_for(client)
                yield client, expected, found[1]
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def wait_for(client):
    until = time.monotonic() + 60
    while True:
        try:
            if client.is_server_ready():
                return
        except OSError:
            assert time.monotonic() < until, "the server does not answer"
        time.sleep(0.05)


def inputs(datatype="FP64", *, binary=True, column=False):
    """Return the rows as the client sends them."""
    found = []
    for name, values in ROWS.items():
        kind = "BYTES" if values.dtype == object else datatype
        sent = values if kind == "BYTES" else values.astype({"FP64": "f8", "FP32": "f4", "FP16": "f2", "INT32": "i4", "UINT8": "u1"}[kind])
        sent = sent.reshape(-1, 1) if column else sent
        found.append(triton.InferInput(name, list(sent.shape), kind))
        found[-1].set_data_from_numpy(sent, binary_data=binary)
    return found


def test_server_and_models_are_described(shelf):
    client, _, _ = shelf
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("ranker")
    assert client.is_model_ready("ranker", "1")
    assert not client.is_model_ready("ranker", "2")
    assert not client.is_model_ready("nobody")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    about = client.get_model_metadata("ranker")
    assert [(one["name"], one["datatype"], one["shape"]) for one in about["inputs"]] == [
        (name, "BYTES" if values.dtype == object else "FP64", [-1]) for name, values in ROWS.items()
    ]
    assert about["outputs"] == [{"name": "sold", "datatype": "FP64", "shape": [-1]}]
    assert client.get_model_metadata("ranker", about["versions"][0]) == about
    assert client.get_model_repository_index() == [{"name": "ranker", "version": about["versions"][0], "state": "READY"}]


@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize("packed", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_rows_are_scored_as_the_version_scores_them(shelf, binary, packed, column):
    client, expected, _ = shelf
    said = client.infer("ranker", inputs(binary=binary, column=column), request_id="q1", request_compression_algorithm=packed)
    assert np.array_equal(said.as_numpy("sold"), expected)
    assert said.get_response()["id"] == "q1"
    assert said.get_response()["model_version"] == client.get_model_metadata("ranker")["versions"][-1]


@pytest.mark.parametrize("binary", [True, False])
def test_outputs_come_as_they_are_wanted(shelf, binary):
    client, expected, _ = shelf
    wanted = [triton.InferRequestedOutput("sold", binary_data=binary)]
    said = client.infer("ranker", inputs(), model_version="1", outputs=wanted, response_compression_algorithm="gzip")
    assert np.array_equal(said.as_numpy("sold"), expected)
    assert ("data" in said.get_output("sold")) != binary


@pytest.mark.parametrize("datatype", ["FP32", "FP16", "INT32", "UINT8"])
def test_numbers_of_other_types_are_taken(shelf, datatype):
    client, expected, _ = shelf
    with np.errstate(invalid="ignore"):
        said = client.infer("ranker", inputs(datatype))
    known = slice(None) if datatype.startswith("FP") else slice(2)  # whole numbers have no missing value
    assert np.array_equal(said.as_numpy("sold")[known], expected[known])


def test_many_callers_at_once_get_each_their_own_answer(shelf):
    _, expected, address = shelf

    def ask(place):
        with triton.InferenceServerClient(address) as mine:  # a client's connections belong to the thread that made it
            return [one_of(mine, at) for at in range(place, place + 9)]

    with ThreadPoolExecutor(8) as pool:
        for place, said in enumerate(pool.map(ask, range(16))):
            assert said == [expected[at % 3] for at in range(place, place + 9)]


def one_of(client, place):
    sent = []
    for name, values in ROWS.items():
        few = values[[place % 3]]
        sent.append(triton.InferInput(name, [1], "BYTES" if few.dtype == object else "FP64"))
        sent[-1].set_data_from_numpy(few)
    return client.infer("ranker", sent).as_numpy("sold")[0]


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        (lambda client: client.infer("nobody", inputs()), "404", "no model 'nobody'"),
        (lambda client: client.infer("ranker", inputs(), model_version="9"), "404", "no version '9'"),
        (lambda client: client.infer("ranker", inputs()[1:]), "400", "bought"),
        (lambda client: client.infer("ranker", inputs(), outputs=[triton.InferRequestedOutput("bold")]), "400", "no output 'bold'"),
        (lambda client: client.load_model("ranker"), "404", "no /v2/repository"),
    ],
)
def test_refusals_reach_the_client_as_sentences(shelf, asked, status, said):
    with pytest.raises(InferenceServerException, match=said) as refused:
        asked(shelf[0])
    assert refused.value.status() == status
