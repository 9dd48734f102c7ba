"""The OpenAPI document of a served system: its own classes, typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from millrace.loaded import Loaded
from millrace.schema import Event
from millrace.serve import rollout_routes, v2_openapi
from millrace.serve.answers import Acknowledged, Answer, Explanation, Found, Health, Problem, Ready

_REF = "#/components/schemas/{name}"
_SENT = "{name}.sent"
"""What the schema of a class with its `type` is called: a record as it is sent to be logged."""
_OURS = "api.{name}"
"""What the schemas of our own answers are called: a user's class may well be an Answer too."""

_REFUSALS = {
    "404": "There is no such decision.",
    "409": "An id is used again with other content, or somebody else changed what serves meanwhile.",
    "413": "The body is too large.",
    "422": "The body is wrong; `field` says where.",
    "429": "More ask than can be answered soon; Retry-After says when to ask again.",
    "503": "Cannot answer now, or not within the caller's time; Retry-After says when to ask again.",
}


def document(loaded: Loaded, version: str) -> dict[str, Any]:
    """Return the document, OpenAPI 3.1."""
    request = loaded.system.request
    components = _components(loaded)
    asked, told = _ref(request.__name__), _any_sent(list(loaded.streams))
    logged = "Events and entities to log: objects with a `type` and the fields of that class. An id sent twice counts once."
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Millrace: {loaded.name}", "version": version, "description": (request.__doc__ or "").strip()},
        "paths": {
            "/v1/decide": {"post": _post("decide", "Decide one request, or a list of them", _or_list(asked), _or_list(_ours("Answer")))},
            "/v1/events": {"post": _post("events", logged, _or_list(told), _ours("Acknowledged"))},
            "/v1/decisions/{id}": {"get": _get("decision", "A decision as it was logged", "Found", "404")},
            "/v1/decisions/{id}/explain": {"get": _get("explain", "Why it was decided so", "Explanation", "404")},
            "/v1/decisions/{id}/outcome": {
                "post": {**_post("outcome", "Tell what came of a decision", _OUTCOME, _ours("Acknowledged"), "404"), "parameters": [_ID]}
            },
            "/healthz": {"get": _get("health", "Whether the process lives", "Health")},
            "/readyz": {"get": _get("ready", "What serves", "Ready")},
            "/metrics": {"get": {"operationId": "metrics", "summary": "Metrics for Prometheus", "responses": {"200": _PLAIN}}},
            **rollout_routes.paths(_ours, _post, _get),
            **v2_openapi.paths(_ours),
        },
        "components": {"schemas": components},
    }


def _components(loaded: Loaded) -> dict[str, Any]:
    _, components = msgspec.json.schema_components(loaded.streams.values(), ref_template=_REF)
    for name, owner in loaded.streams.items():
        _server_fills(components[name], owner)
        components[_SENT.format(name=name)] = _sent(components[name], name)
    _take_something(components[loaded.system.request.__name__], loaded.taking)
    answers = [Answer, Acknowledged, Found, Explanation, Health, Ready, Problem, *rollout_routes.CLASSES, *v2_openapi.CLASSES]
    _, ours = msgspec.json.schema_components(answers, ref_template=_REF.format(name=_OURS))
    return {**components, **{_OURS.format(name=name): schema for name, schema in ours.items()}}


_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "description": "The id of the request that was decided."}
_PLAIN = {"description": "The metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}}
_OUTCOME = {
    "type": "object",
    "description": "The event's other fields beside; references that the decision knows are filled in.",
    "required": ["type"],
    "properties": {
        "type": {"type": "string", "description": "The event's class."},
        "candidate": {"type": "string", "description": "Which candidate it is about, where several were taken."},
    },
}


def _server_fills(schema: dict[str, Any], owner: type) -> None:
    """Mark what a caller may leave out: an event's `at` is then the present."""
    if issubclass(owner, Event):
        schema["required"] = [name for name in schema.get("required", []) if name != "at"]


def _take_something(schema: dict[str, Any], taking: Sequence[str]) -> None:
    """Say of a request's fields that say how many to take that it is 1 at least."""
    least = {name: {**schema["properties"][name], "minimum": max(1, schema["properties"][name].get("minimum", 1))} for name in taking}
    schema["properties"] = {**schema["properties"], **least}


def _sent(schema: dict[str, Any], name: str) -> dict[str, Any]:
    properties = {"type": {"const": name}, **schema["properties"]}
    return {**schema, "title": _SENT.format(name=name), "properties": properties, "required": ["type", *schema.get("required", [])]}


def _any_sent(names: list[str]) -> dict[str, Any]:
    refs = {name: _REF.format(name=_SENT.format(name=name)) for name in names}
    return {"oneOf": [{"$ref": ref} for ref in refs.values()], "discriminator": {"propertyName": "type", "mapping": refs}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": _REF.format(name=name)}


def _ours(name: str) -> dict[str, Any]:
    return _ref(_OURS.format(name=name))


def _or_list(schema: dict[str, Any]) -> dict[str, Any]:
    return {"oneOf": [schema, {"type": "array", "items": schema}]}


def _responses(answer: dict[str, Any], *refusals: str) -> dict[str, Any]:
    problem = {"application/json": {"schema": _ours("Problem")}}
    done = {"200": {"description": "Done.", "content": {"application/json": {"schema": answer}}}}
    return {**done, **{status: {"description": _REFUSALS[status], "content": problem} for status in sorted(refusals)}}


def _post(name: str, summary: str, body: dict[str, Any], answer: dict[str, Any], *refusals: str) -> dict[str, Any]:
    content = {"content": {"application/json": {"schema": body}}, "required": True}
    return {
        "operationId": name,
        "summary": summary,
        "requestBody": content,
        "responses": _responses(answer, "409", "413", "422", "429", "503", *refusals),
    }


def _get(name: str, summary: str, answer: str, *refusals: str) -> dict[str, Any]:
    parameters = {"parameters": [_ID]} if refusals else {}
    return {"operationId": name, "summary": summary, **parameters, "responses": _responses(_ours(answer), *refusals)}
