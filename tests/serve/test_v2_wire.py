"""Inferences as they are sent: whatever the bytes, they are read or refused with a sentence, and nothing else."""

import json
import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.serve.v2_wire import read, written
from millrace.types import objects


def body_of(inputs, *parts, **fields):
    """Return a request's bytes and how many of them are JSON."""
    text = json.dumps({"inputs": inputs, **fields}).encode()
    return text + b"".join(parts), str(len(text)) if parts else None


def tensor(name, datatype, shape, data=None, size=None):
    one = {"name": name, "datatype": datatype, "shape": shape}
    return one | ({"data": data} if data is not None else {}) | ({"parameters": {"binary_data_size": size}} if size is not None else {})


NUMBERS, TEXTS = np.array([1.5, np.nan]).tobytes(), b"".join(struct.pack("<I", len(one)) + one for one in (b"nl", b""))
MIXED = body_of([tensor("a", "FP64", [2], size=16), tensor("b", "INT8", [2], [1, 2]), tensor("c", "BYTES", [2], size=10)], NUMBERS, TEXTS)


def test_tensors_in_json_and_after_it_are_read_in_their_order():
    asked = read(*MIXED)
    assert [one.name for one in asked.tensors] == ["a", "b", "c"]
    assert np.array_equal(asked.tensors[0].values, [1.5, np.nan], equal_nan=True)
    assert asked.tensors[1].values.tolist() == [1, 2]
    assert asked.tensors[2].values.tolist() == ["nl", ""]
    assert (asked.id, asked.outputs, asked.is_binary) == ("", None, False)


def test_outputs_are_wanted_as_bytes_one_by_one_or_all():
    body, _ = body_of([], id="q", outputs=[{"name": "x", "parameters": {"binary_data": True}}, {"name": "y"}])
    assert read(body, None).outputs == {"x": True, "y": False}
    body, _ = body_of(
        [], outputs=[{"name": "x", "parameters": {"binary_data": False}}, {"name": "y"}], parameters={"binary_data_output": True}
    )
    assert read(body, None).outputs == {"x": False, "y": True}
    assert read(body_of([], parameters={"binary_data_output": True})[0], None).is_binary


def test_nan_as_python_writes_it_is_a_missing_value():
    asked = read(b'{"inputs": [{"name": "NaN", "shape": [2], "datatype": "FP64", "data": [NaN, 1]}]}', None)
    assert asked.tensors[0].name == "NaN"
    assert np.array_equal(asked.tensors[0].values, [np.nan, 1], equal_nan=True)


def test_answer_says_which_of_its_bytes_are_json():
    outputs = {"p": np.array([0.5, np.nan]), "who": objects(["a", None])}
    body, length = written("m", "m-1", "q", outputs, {"who": True, "p": False})
    said = json.loads(body[:length])
    assert (said["model_name"], said["model_version"], said["id"]) == ("m", "m-1", "q")
    assert said["outputs"][0] == {"name": "who", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": 9}}
    assert said["outputs"][1] == {"name": "p", "datatype": "FP64", "shape": [2], "data": [0.5, None]}
    assert body[length:] == struct.pack("<I", 1) + b"a" + struct.pack("<I", 0)
    assert written("m", "m-1", "", outputs, {"p": False})[1] is None


@pytest.mark.parametrize(
    ("body", "length", "said"),
    [
        pytest.param(b"", None, "not JSON", id="empty"),
        pytest.param(b"[]", None, "not of the protocol", id="a list"),
        pytest.param(b"{}", None, "missing required field `inputs`", id="no inputs"),
        pytest.param(b"\xff{}", None, "not JSON", id="not text"),
        pytest.param(b"[" * 100_000, None, "protocol|JSON|deep", id="nested endlessly"),
        pytest.param(*body_of([tensor("a", "FP64", [-1], [])]), ">= 0", id="a negative dimension"),
        pytest.param(*body_of([tensor("a", "FP64", [1] * 9, [1])]), "length <= 8", id="too many dimensions"),
        pytest.param(*body_of([tensor("a", "FP64", [1.5], [1])]), "int", id="a broken dimension"),
        pytest.param(*body_of([tensor("a" * 1001, "FP64", [1], [1])]), "length <= 1000", id="an endless name"),
        pytest.param(*body_of([tensor("a", "FP64", [2])]), "neither data nor", id="no values"),
        pytest.param(*body_of([tensor("a", "FP64", [1], [1], 8)], bytes(8)), "send one of them", id="values twice"),
        pytest.param(*body_of([tensor("a", "FP64", [1], size=9)], bytes(8)), "8 bytes are there", id="more than there is"),
        pytest.param(*body_of([tensor("a", "FP64", [1], size=-8)], bytes(8)), "binary_data_size is -8", id="a negative size"),
        pytest.param(*body_of([tensor("a", "FP64", [1], size=True)], bytes(8)), "binary_data_size is True", id="a size that is none"),
        pytest.param(*body_of([tensor("a", "FP64", [1], size=8)], bytes(9)), "1 bytes are left", id="less than there is"),
        pytest.param(b"{}", "3", "'3', and the body has 2", id="more JSON than body"),
        pytest.param(b"{}", "-1", "'-1'", id="a negative length"),
        pytest.param(b"{}", "9" * 5000, "say how many", id="an endless length"),
        pytest.param(b"{}", "²", "say how many", id="a digit that is none"),
        pytest.param(
            b'{"inputs": [{"name": "a", "shape": [1], "datatype": "FP64", "data": [Infinity, NaN]}]}', None, "Infinity", id="no JSON"
        ),
        pytest.param(b'{"inputs": [NaN', None, "not JSON", id="a number that is none, cut off"),
        pytest.param(b'{"NaN": ' + b"9" * 5000 + b', "inputs": []} x', None, "not JSON", id="an endless number"),
        pytest.param(*body_of([tensor("a", "FP64", [1]) | {"parameters": {"shared_memory_region": "r"}}]), "shared memory", id="shared"),
        pytest.param(*body_of([], outputs=[{"name": "x", "parameters": {"classification": 3}}]), "classification", id="classes"),
        pytest.param(*body_of([], outputs=[{"name": "x", "parameters": {"binary_data": 1}}]), "true or false", id="a flag that is none"),
        pytest.param(*body_of([tensor("a", "FP64", [0], [])] * 10_001), "10001 inputs", id="too many inputs"),
    ],
)
def test_wrong_request_is_refused_with_a_sentence(body, length, said):
    with pytest.raises(BadInput, match=said) as refused:
        read(body, length)
    assert len(str(refused.value)) < 2000


def read_or_refused(body, length):
    with suppress(BadInput):
        for one in read(body, length).tensors:
            assert len(one.values) == np.prod(one.shape, dtype=object)


@settings(max_examples=500)
@given(st.binary(max_size=200), st.none() | st.text(max_size=6) | st.integers(0, 220).map(str))
def test_any_bytes_are_read_or_refused(body, length):
    read_or_refused(body, length)


@settings(max_examples=1000)
@given(st.lists(st.tuples(st.integers(0, len(MIXED[0])), st.integers(0, 3), st.binary(max_size=4)), max_size=4), st.integers(-3, 3))
def test_a_good_request_with_bytes_changed_removed_or_added_is_read_or_refused(changes, off):
    body = MIXED[0]
    for place, removed, added in changes:
        body = body[:place] + added + body[place + removed :]
    read_or_refused(body, str(int(MIXED[1]) + off))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_TENSORS = st.fixed_dictionaries(
    {"name": st.text(max_size=3), "datatype": st.sampled_from(["FP64", "FP16", "BF16", "INT8", "UINT64", "BOOL", "BYTES", "?"])},
    optional={
        "shape": st.lists(st.integers(-1, 3) | st.just(2**62), max_size=3),
        "data": _JSON,
        "parameters": st.none() | st.dictionaries(st.sampled_from(["binary_data_size", "x"]), st.integers(-1, 20) | _JSON, max_size=2),
    },
)


@settings(max_examples=1000)
@given(st.lists(_TENSORS, max_size=3), st.binary(max_size=30), st.booleans(), _JSON, _JSON)
def test_any_request_of_that_form_is_read_or_refused(tensors, rest, has_length, parameters, outputs):
    text = json.dumps({"inputs": tensors, "parameters": parameters, "outputs": outputs}).encode()
    read_or_refused(text + (rest if has_length else b""), str(len(text)) if has_length else None)
