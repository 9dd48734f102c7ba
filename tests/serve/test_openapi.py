"""The OpenAPI document: sound in itself, and true of what is served."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serve.tiny import RANK, SCORE, publish_risk, served


def references(value: Any) -> Iterator[str]:
    """Yield every `$ref` and every target of a discriminator, wherever it stands."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        yield from value.get("discriminator", {}).get("mapping", {}).values()
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def fits(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """Whether a JSON value fits a schema: as much of JSON Schema as the document uses."""
    if "$ref" in schema:
        return fits(value, schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "oneOf" in schema or "anyOf" in schema:
        count = sum(fits(value, one, schemas) for one in schema.get("oneOf", schema.get("anyOf")))
        return count == 1 if "oneOf" in schema else count >= 1
    if "const" in schema:
        return value == schema["const"]
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None)}
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        return False
    if schema.get("type") == "array":
        return all(fits(one, schema.get("items", {}), schemas) for one in value)
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        left = [name for name in value if name not in properties]
        extra = schema.get("additionalProperties", True)
        return (
            all(name in value for name in schema.get("required", []))
            and all(fits(value[name], one, schemas) for name, one in properties.items() if name in value)
            and (extra is not False or not left)
            and (not isinstance(extra, dict) or all(fits(value[name], extra, schemas) for name in left))
        )
    return True


@pytest.fixture(params=[RANK, SCORE])
def document(request, tmp_path):
    with served(request.param, tmp_path) as (client, _):
        yield client.get("/openapi.json").json()


def test_every_reference_leads_somewhere(document):
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= schemas


def test_document_has_what_openapi_demands(document):
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"]
    assert document["info"]["version"]
    names = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            names.append(operation["operationId"])
            assert operation["responses"]["200"]["description"], (path, method)
            assert ("{" in path) == any(one["in"] == "path" and one["required"] for one in operation.get("parameters", []))
            assert ("requestBody" in operation) == (method == "post")
    assert len(set(names)) == len(names)


def test_document_says_in_which_unit_evidence_is_told(document):
    [said] = [one["description"] for name, one in document["components"]["schemas"].items() if name.endswith("RolloutState")]
    assert "`evidence` and `bar` are the natural logarithms of these" in " ".join(said.split())


def test_document_describes_what_is_sent_and_answered(tmp_path):
    with served(RANK, tmp_path) as (client, _):
        document = client.get("/openapi.json").json()
        schemas = document["components"]["schemas"]

        def described(path: str, method: str, value: Any, *, asked: bool = False, status: int = 200) -> bool:
            operation = document["paths"][path][method]
            body = operation["requestBody"] if asked else operation["responses"][str(status)]
            return fits(value, body["content"]["application/json"]["schema"], schemas)

        entity = {"type": "Visitor", "id": "ada", "country": "nl"}
        event = {"type": "Buy", "visitor": "ada", "good": "g1"}
        good = {"type": "Good", "id": "g1", "kind": "toy", "added_at": "2025-12-01T00:00:00Z"}
        look = {"visitor": "ada", "id": "look"}
        for path, sent in (("/v1/events", [entity, event, good]), ("/v1/events", event), ("/v1/decide", look), ("/v1/decide", [look])):
            assert described(path, "post", sent, asked=True), sent
            assert described(path, "post", client.post(path, json=sent).json())
        for sent in ({"type": "Buy", "visitor": "ada"}, {**event, "type": "Bye"}, {**event, "colour": "red"}, {"visitor": "ada"}):
            assert not described("/v1/events", "post", sent, asked=True)
            refusal = client.post("/v1/events", json=sent)
            assert described("/v1/events", "post", refusal.json(), status=refusal.status_code)
        assert schemas["Look"]["properties"]["limit"]["minimum"] == 1
        for path in ("/v1/decisions/{id}", "/v1/decisions/{id}/explain", "/healthz", "/readyz"):
            assert described(path, "get", client.get(path.replace("{id}", "look")).json()), path
        assert described("/v1/decisions/{id}", "get", client.get("/v1/decisions/none").json(), status=404)


def test_document_describes_the_open_inference_protocol(tmp_path):
    with served(SCORE, tmp_path) as (client, engine):
        publish_risk(engine)
        document = client.get("/openapi.json").json()
        schemas = document["components"]["schemas"]
        infer = "/v2/models/{model}/versions/{version}/infer"
        asked = document["paths"][infer]["post"]["requestBody"]["content"]["application/json"]["schema"]
        sent = {"inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP64", "data": [1, 2, 3]}], "outputs": [{"name": "disputed"}]}
        assert fits(sent, asked, schemas)
        assert not fits({"inputs": [{"name": "features"}]}, asked, schemas)
        for path, method, body in (
            ("/v2", "get", None),
            ("/v2/health/live", "get", None),
            ("/v2/health/ready", "get", None),
            ("/v2/models/{model}", "get", None),
            ("/v2/models/{model}/ready", "get", None),
            ("/v2/models/{model}/versions/{version}", "get", None),
            ("/v2/repository/index", "post", {}),
            (infer, "post", sent),
            (infer, "post", {"inputs": []}),
        ):
            there = path.format(model="risk", version=1)
            answered = client.get(there) if method == "get" else client.post(there, json=body)
            described = document["paths"][path][method]["responses"][str(answered.status_code)]["content"]["application/json"]["schema"]
            assert fits(answered.json(), described, schemas), (path, answered.text)
