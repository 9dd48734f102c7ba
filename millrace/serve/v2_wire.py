"""Inferences of the Open Inference Protocol as they are sent: JSON, and after it the bytes of the tensors that were not in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from millrace.errors import BadInput
from millrace.serve.v2_answers import GivenTensor, Inference, InferenceRequest, SentTensor, WantedTensor
from millrace.serve.v2_tensors import datatype_of, from_bytes, from_json, to_bytes
from millrace.types import Array, Columns

HEADER_LENGTH = "inference-header-content-length"
"""The header that says how many bytes of a body are JSON, where bytes of tensors follow."""

MOST_TENSORS = 10_000
"""How many tensors one request may hold."""


@dataclass(frozen=True)
class Tensor:
    """One input: its name, its datatype, its shape, and its values in row-major order."""

    name: str
    datatype: str
    shape: list[int]
    values: Array


@dataclass(frozen=True)
class Asked:
    """What a caller wants inferred.

    Attributes:
        id: What the caller calls the request; "" for nothing.
        tensors: The inputs.
        outputs: By name, whether it is wanted as bytes; None for all outputs.
        is_binary: Whether all outputs are wanted as bytes, where none is named.
    """

    id: str
    tensors: list[Tensor]
    outputs: dict[str, bool] | None
    is_binary: bool


_DECODER = msgspec.json.Decoder(InferenceRequest)
_ENCODER = msgspec.json.Encoder()


def read(body: bytes, header_length: str | None) -> Asked:
    """Return what the body of an inference asks.

    Args:
        body: As sent, no longer compressed.
        header_length: How many bytes of it are JSON, as the header said; None for all.

    Raises:
        BadInput: It is not JSON, lacks something, or its lengths and shapes contradict each other or its values.
    """
    length = len(body) if header_length is None else _length(header_length, len(body))
    request = _parsed(body[:length])
    if len(request.inputs) > MOST_TENSORS:
        raise BadInput(f"there are {len(request.inputs)} inputs, at most {MOST_TENSORS} are taken", "inputs")
    left = memoryview(body)[length:]
    tensors = []
    for tensor in request.inputs:
        values, left = _values(tensor, left)
        tensors.append(Tensor(tensor.name, tensor.datatype, tensor.shape, values))
    if len(left):
        raise BadInput(f"{len(left)} bytes are left after the inputs: their binary_data_size must add up to what follows the JSON")
    is_binary = _flag(request.parameters, "binary_data_output")
    outputs = {one.name: _flag(_supported(one).parameters, "binary_data", is_binary) for one in request.outputs or ()}
    return Asked(request.id, tensors, outputs or None, is_binary)


def _length(said: str, there: int) -> int:
    if not (said.isascii() and said.isdigit()) or len(said) > 12 or int(said) > there:
        raise BadInput(f"Inference-Header-Content-Length says {said[:40]!r}, and the body has {there} bytes: say how many are JSON")
    return int(said)


def _parsed(text: bytes) -> InferenceRequest:
    try:
        return _DECODER.decode(text)
    except msgspec.ValidationError as error:
        raise BadInput(f"the request is not of the protocol: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if b"NaN" not in text:
            raise BadInput(f"the request is not JSON: {error}") from error
    return _parsed_as_python_writes(text)


def _parsed_as_python_writes(text: bytes) -> InferenceRequest:
    """Read NaN as clients written in Python write it, though JSON has no such number: as null."""
    try:
        return _DECODER.decode(json.dumps(json.loads(text, parse_constant=_NO_NUMBERS.__getitem__)).encode())
    except KeyError as error:
        raise BadInput(f"JSON has no number {error.args[0]}: send the tensor as bytes") from error
    except (ValueError, RecursionError) as error:  # what msgspec raises is a ValueError too
        raise BadInput(f"the request is not JSON of the protocol: {error}") from error


_NO_NUMBERS = {"NaN": None}


def _values(tensor: SentTensor, left: memoryview) -> tuple[Array, memoryview]:
    """Return the values of a tensor and the bytes that are left for those after it."""
    parameters = tensor.parameters
    if parameters and any(name.startswith("shared_memory") for name in parameters):
        raise BadInput(f"{tensor.name}: shared memory is not served: send the values", tensor.name)
    size = parameters.get("binary_data_size") if parameters else None
    if size is None:
        if tensor.data is msgspec.UNSET:
            raise BadInput(f"{tensor.name}: it has neither data nor a binary_data_size", tensor.name)
        return from_json(tensor.name, tensor.datatype, tensor.shape, tensor.data), left
    if tensor.data is not msgspec.UNSET:
        raise BadInput(f"{tensor.name}: it has data and a binary_data_size: send one of them", tensor.name)
    if type(size) is not int or not 0 <= size <= len(left):
        raise BadInput(f"{tensor.name}: its binary_data_size is {size!r:.40}, and {len(left)} bytes are there for it", tensor.name)
    return from_bytes(tensor.name, tensor.datatype, tensor.shape, left[:size]), left[size:]


def _flag(parameters: Mapping[str, Any] | None, name: str, otherwise: bool = False) -> bool:
    said = (parameters or {}).get(name, otherwise)
    if not isinstance(said, bool):
        raise BadInput(f"the parameter {name} is true or false, not {said!r:.40}", name)
    return said


def _supported(wanted: WantedTensor) -> WantedTensor:
    for name in wanted.parameters or ():
        if name == "classification" or name.startswith("shared_memory"):
            raise BadInput(f"{wanted.name}: {name} is not served: ask for the values", wanted.name)
    return wanted


def written(model: str, version: str, id_: str, outputs: Columns, as_bytes: Mapping[str, bool]) -> tuple[bytes, int | None]:
    """Return the body that answers an inference, and how many of its bytes are JSON where others follow.

    Args:
        model: The model's name.
        version: The version that answered.
        id_: What the caller called the request; "" for nothing.
        outputs: The values by name, a row for each row asked.
        as_bytes: By name, whether it is sent as bytes; only the outputs named here are sent, in this order.
    """
    given, parts = [], []
    for name, is_binary in as_bytes.items():
        values = outputs[name]
        one = GivenTensor(name, datatype_of(values), list(values.shape))
        if is_binary:
            parts.append(to_bytes(values))
            one.parameters = {"binary_data_size": len(parts[-1])}
        else:
            one.data = values.ravel().tolist()  # NaN is written as null
        given.append(one)
    text = _ENCODER.encode(Inference(model, version, given, id_))
    return (b"".join([text, *parts]), len(text)) if parts else (text, None)
