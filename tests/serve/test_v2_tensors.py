"""Tensors as JSON and as bytes: both say the same, as the reference client reads and writes them, and whatever is wrong is refused."""

import json
import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.utils import deserialize_bytes_tensor, np_to_triton_dtype, serialize_byte_tensor

from millrace.errors import BadInput
from millrace.serve.v2_tensors import DTYPES, datatype_of, from_bytes, from_json, to_bytes
from millrace.types import objects

NUMBERS = sorted(name for name in DTYPES if name not in ("BYTES", "BF16", "BOOL"))


def sent(datatype, shape, data):
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    return from_json("x", datatype, shape, msgspec.Raw(text))


def values_of(datatype):
    dtype = DTYPES[datatype]
    if dtype.kind == "f":
        return st.floats(width=8 * dtype.itemsize, allow_nan=False, allow_infinity=False)
    limits = np.iinfo(dtype)
    return st.integers(int(limits.min), int(limits.max))


@given(st.data(), st.sampled_from(NUMBERS))
def test_numbers_are_the_same_as_json_as_bytes_and_as_the_client_has_them(data, datatype):
    values = data.draw(st.lists(values_of(datatype), max_size=20))
    array = np.array(values, dtype=DTYPES[datatype])
    assert np_to_triton_dtype(array.dtype) == datatype
    as_bytes = from_bytes("x", datatype, [len(values)], memoryview(array.tobytes()))
    as_json = sent(datatype, [len(values)], array.tolist())
    assert np.array_equal(as_bytes, array.astype(as_bytes.dtype))
    assert np.array_equal(as_json, as_bytes)


@given(st.lists(st.text(max_size=9), max_size=9))
def test_texts_are_the_same_as_json_as_bytes_and_as_the_client_packs_them(texts):
    packed = serialize_byte_tensor(np.array([one.encode() for one in texts], dtype=object)).item() if texts else b""
    assert from_bytes("x", "BYTES", [len(texts)], memoryview(packed)).tolist() == texts
    assert sent("BYTES", [len(texts)], texts).tolist() == texts
    assert to_bytes(objects(texts)) == packed


@given(st.lists(st.floats(allow_nan=True), min_size=1, max_size=9))
def test_outputs_as_bytes_are_what_the_client_reads(values):
    array = np.array(values)
    assert np.array_equal(np.frombuffer(to_bytes(array), dtype="<f8"), array, equal_nan=True)
    assert datatype_of(array) == "FP64"
    texts = objects(["a", None, "é"])
    assert [one.decode() for one in deserialize_bytes_tensor(to_bytes(texts))] == ["a", "", "é"]


def test_upper_half_of_a_number_is_read():
    values = np.array([1.5, -2.0, np.nan], dtype=np.float32)
    halves = (values.view(np.uint32) >> 16).astype("<u2")
    assert np.array_equal(from_bytes("x", "BF16", [3], memoryview(halves.tobytes())), values, equal_nan=True)


def test_any_byte_but_zero_is_true():
    assert from_bytes("x", "BOOL", [3], memoryview(b"\x00\x01\xff")).tolist() == [False, True, True]


def test_missing_numbers_and_texts_are_null():
    assert np.array_equal(sent("FP32", [3], [1, None, 2.5]), [1, np.nan, 2.5], equal_nan=True)
    assert sent("BYTES", [2], [None, "a"]).tolist() == [None, "a"]


def test_lists_may_be_nested_as_the_shape_says():
    assert sent("FP64", [2, 3], [[1, 2, 3], [4, None, 6]]).tolist()[:3] == [1, 2, 3]
    assert sent("INT8", [2, 1], [[1], [2]]).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "said"),
    [
        pytest.param("FLOAT", [1], [1], "no datatype 'FLOAT'", id="unknown datatype"),
        pytest.param("FP64", [3], [1, 2], "stands for 3 values and there are 2", id="too few"),
        pytest.param("FP64", [1], [1, 2], "stands for 1 values and there are 2", id="too many"),
        pytest.param("FP64", [2**62, 2**62], [1], "and there are 1", id="a huge shape"),
        pytest.param("FP64", [2, 2], [[1, 2], [3]], "not nested as the shape", id="ragged"),
        pytest.param("FP64", [2], [[1], [2]], "whole|holds numbers", id="nested deeper than the shape"),
        pytest.param("FP64", [1], 1.0, "no list", id="not a list"),
        pytest.param("FP64", [1], {"a": 1}, "no list", id="an object"),
        pytest.param("FP64", [1], ["1"], "holds numbers", id="text for a number"),
        pytest.param("FP64", [1], [True], "holds numbers", id="true for a number"),
        pytest.param("FP64", [1], b"[1e999]", "cannot be read|does not fit", id="larger than any number"),
        pytest.param("INT64", [1], [1.5], "holds whole numbers", id="not whole"),
        pytest.param("INT64", [2], [1, None], "cannot be missing", id="a missing whole number"),
        pytest.param("BOOL", [2], [True, None], "cannot be missing", id="a missing boolean"),
        pytest.param("UINT8", [1], [256], "holds 0 to 255", id="out of range"),
        pytest.param("UINT64", [1], [-1], "holds 0 to", id="negative"),
        pytest.param("INT64", [1], [2**63], "holds -9223372036854775808 to", id="beyond 64 bits"),
        pytest.param("BOOL", [1], [1], "holds true and false", id="a number for a boolean"),
        pytest.param("BYTES", [1], [1], "holds text", id="a number for text"),
        pytest.param("FP64", [1], b"[" * 100_000 + b"]" * 100_000, "cannot be read", id="nested endlessly"),
        pytest.param("FP64", [1], b'["\xff"]', "cannot be read", id="text that is not UTF-8 for a number"),
        pytest.param("BYTES", [1], b'["\xff"]', "cannot be read", id="text that is not UTF-8"),
    ],
)
def test_wrong_json_is_refused_with_a_sentence(datatype, shape, data, said):
    with pytest.raises(BadInput, match=said):
        sent(datatype, shape, data)


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "said"),
    [
        pytest.param("FP64", [2], bytes(15), "takes 16 bytes and there are 15", id="too short"),
        pytest.param("FP64", [2**62, 2**62], bytes(8), "and there are 8", id="a huge shape"),
        pytest.param("BYTES", [2**40], bytes(8), "more than 8 bytes can hold", id="a huge number of texts"),
        pytest.param("BYTES", [1], struct.pack("<I", 2**32 - 1), "goes beyond", id="a text longer than there is"),
        pytest.param("BYTES", [2], struct.pack("<I", 4) + bytes(4), "end before", id="texts that end too soon"),
        pytest.param("BYTES", [1], struct.pack("<I", 1) + b"ab", "1 bytes are left", id="bytes after the texts"),
        pytest.param("BYTES", [1], struct.pack("<I", 1) + b"\xff", "not UTF-8", id="not text"),
    ],
)
def test_wrong_bytes_are_refused_with_a_sentence(datatype, shape, data, said):
    with pytest.raises(BadInput, match=said):
        from_bytes("x", datatype, shape, memoryview(data))
