"""The Open Inference Protocol's part of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from millrace.serve.v2_answers import (
    IndexEntry,
    IndexRequest,
    Inference,
    InferenceRequest,
    ModelMetadata,
    ModelReady,
    Refusal,
    ServerLive,
    ServerMetadata,
    ServerReady,
)

CLASSES = [
    IndexEntry,
    IndexRequest,
    Inference,
    InferenceRequest,
    ModelMetadata,
    ModelReady,
    Refusal,
    ServerLive,
    ServerMetadata,
    ServerReady,
]
"""What the paths refer to."""

_INFER = (
    "Score rows; tensors that are sent or wanted as bytes follow the JSON, whose length the header Inference-Header-Content-Length says"
)
_REFUSED = {"400": "The request is wrong, or the version is not served.", "404": "There is no such model or version."}
_IN_PATH = {
    name: {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": said}
    for name, said in (("model", "The name of a model."), ("version", "The id of a version, or its number."))
}
_LARGE = {"413": "The body is too large.", "503": "Too many wait already; Retry-After says when to ask again."}


def paths(ref: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Return the paths.

    Args:
        ref: Returns a reference to the schema of a class, by the class's name.
    """

    def answer(name: str, summary: str, schema: dict[str, Any], refusals: dict[str, str], **more: Any) -> dict[str, Any]:
        wrong = {"application/json": {"schema": ref("Refusal")}}
        done = {"200": {"description": "Done.", "content": {"application/json": {"schema": schema}}}}
        refused = {status: {"description": said, "content": wrong} for status, said in refusals.items()}
        return {"operationId": name, "summary": summary, **more, "responses": {**done, **refused}}

    def sent(name: str, required: bool) -> dict[str, Any]:
        return {"requestBody": {"content": {"application/json": {"schema": ref(name)}}, "required": required}}

    found: dict[str, Any] = {
        "/v2": {"get": answer("v2Server", "Who answers", ref("ServerMetadata"), {})},
        "/v2/health/live": {"get": answer("v2Live", "Whether the process lives", ref("ServerLive"), {})},
        "/v2/health/ready": {"get": answer("v2Ready", "Whether the champion's versions are loaded", ref("ServerReady"), {})},
        "/v2/repository/index": {
            "post": answer(
                "v2Index",
                "All versions of all models",
                {"type": "array", "items": ref("IndexEntry")},
                {"400": _REFUSED["400"]},
                **sent("IndexRequest", False),
            )
        },
    }
    for suffix, path in (("", "/v2/models/{model}"), ("Of", "/v2/models/{model}/versions/{version}")):
        asked = {"parameters": [one for name, one in _IN_PATH.items() if f"{{{name}}}" in path]}
        body = {**asked, **sent("InferenceRequest", True)}
        found |= {
            path: {"get": answer(f"v2Model{suffix}", "What a version takes and gives", ref("ModelMetadata"), _REFUSED, **asked)},
            f"{path}/ready": {"get": answer(f"v2ModelReady{suffix}", "Whether a version is loaded", ref("ModelReady"), _REFUSED, **asked)},
            f"{path}/infer": {"post": answer(f"v2Infer{suffix}", _INFER, ref("Inference"), {**_REFUSED, **_LARGE}, **body)},
        }
    return found
