"""What callers of the Open Inference Protocol send and get back, typed: the same classes read, write and describe the bodies."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Name = Annotated[str, msgspec.Meta(max_length=1000)]
Shape = Annotated[list[Annotated[int, msgspec.Meta(ge=0)]], msgspec.Meta(max_length=8)]


class SentTensor(msgspec.Struct):
    """One input.

    Attributes:
        name: Of the feature, or `features` for a matrix of all.
        datatype: BOOL, UINT8 to UINT64, INT8 to INT64, FP16, FP32, FP64, BF16 or BYTES (text).
        shape: `[n]` or `[n, 1]` for a feature of n rows, `[n, features]` for the matrix.
        parameters: `binary_data_size`, how many of the bytes after the JSON are its values, where `data` is left out.
        data: The values, flat or nested as the shape says; null where one is missing.
    """

    name: Name
    datatype: Name
    shape: Shape
    parameters: dict[str, Any] | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class WantedTensor(msgspec.Struct):
    """One output that is wanted; `binary_data` among its parameters wants it as bytes."""

    name: Name
    parameters: dict[str, Any] | None = None


class InferenceRequest(msgspec.Struct):
    """Rows to be scored.

    Attributes:
        inputs: One per feature, or one matrix.
        id: What the answer is to be called.
        parameters: `binary_data_output` wants every output as bytes. What is not known is not read.
        outputs: Those wanted; all when there is none.
    """

    inputs: list[SentTensor]
    id: Name = ""
    parameters: dict[str, Any] | None = None
    outputs: list[WantedTensor] | None = None


class GivenTensor(msgspec.Struct, omit_defaults=True):
    """One output: its values in `data`, or as many bytes after the JSON as its parameter `binary_data_size` says."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Any] = {}
    data: list[Any] | msgspec.UnsetType = msgspec.UNSET


class Inference(msgspec.Struct, omit_defaults=True):
    """What a version says of rows."""

    model_name: str
    model_version: str
    outputs: list[GivenTensor]
    id: str = ""


class ServerMetadata(msgspec.Struct):
    """Who answers, and which extensions of the protocol it knows."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(msgspec.Struct):
    """An input or output; -1 in its shape stands for the number of rows."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct):
    """A version of a model, and which others can be asked.

    Attributes:
        name: The model's name.
        versions: The ids of all versions that can be asked, oldest first.
        platform: The learner.
        inputs: One per feature.
        outputs: One per outcome, and whatever else the version says.
        parameters: `version`: which version this is about.
    """

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    parameters: dict[str, str]


class ServerLive(msgspec.Struct):
    """The process lives."""

    live: bool = True


class ServerReady(msgspec.Struct):
    """Whether all versions of the champion release are loaded."""

    ready: bool


class ModelReady(msgspec.Struct):
    """A version is loaded and can be asked."""

    name: str
    ready: bool = True


class IndexEntry(msgspec.Struct, omit_defaults=True):
    """A version in the registry.

    Attributes:
        name: The model's name.
        version: The version's id; left out where the model has none.
        state: READY, or UNAVAILABLE.
        reason: Why it is not ready.
    """

    name: str
    state: str
    version: str = ""
    reason: str = ""


class IndexRequest(msgspec.Struct):
    """Which entries of the index are wanted: all, or those that are ready."""

    ready: bool = False


class Refusal(msgspec.Struct):
    """What is wrong, in a sentence."""

    error: str
