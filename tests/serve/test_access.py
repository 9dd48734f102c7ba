"""Who may ask a server for what: every route of the real API, with keys of every role."""

import threading

import pytest

from millrace.serve import access
from millrace.serve.access import fresh_key, needed
from millrace.stores.api_keys import ROLES, ApiKeys
from millrace.stores.audit import Change
from tests.serve.tiny import RANK, served

ADA = Change(1_700_000_000_000_000, "ada", "to try")
ROUTES = [
    ("POST", "/v1/decide", "operator"),
    ("POST", "/v1/events", "operator"),
    ("POST", "/v1/decisions/x/outcome", "operator"),
    ("GET", "/v1/decisions/x", "viewer"),
    ("GET", "/v1/decisions/x/explain", "viewer"),
    ("GET", "/metrics", "viewer"),
    ("GET", "/openapi.json", "viewer"),
    ("GET", "/v1/rollout", "viewer"),
    ("POST", "/v1/rollout/halt", "approver"),
]


@pytest.fixture
def shelf(tmp_path):
    with served(RANK, tmp_path) as (client, engine):
        yield client, ApiKeys(engine.home.database)


def make(keys, name, role, change, **how):
    key = fresh_key()
    keys.add(name, key, role, change, **how)
    return key


def bearer(key):
    return {"authorization": f"Bearer {key}"}


def ask(client, method, path, headers=None):
    if method == "GET":
        return client.get(path, headers=headers or {})
    return client.post(path, content=b"{}", headers=headers or {})


def test_without_any_key_everybody_may(shelf):
    client, _ = shelf
    for method, path, _ in ROUTES:
        assert ask(client, method, path).status_code not in (401, 403), path


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_what_it_may_and_nothing_else(shelf, role):
    client, keys = shelf
    key = make(keys, "caller", role, ADA)
    for method, path, least in ROUTES:
        anonymous = ask(client, method, path)
        assert (anonymous.status_code, anonymous.headers["www-authenticate"]) == (401, "Bearer"), path
        for headers in (bearer(key), {"x-api-key": key}, {"authorization": f"bearer  {key} "}):
            answer = ask(client, method, path, headers)
            if ROLES.index(role) >= ROLES.index(least):
                assert answer.status_code not in (401, 403), path
            else:
                assert answer.status_code == 403
                assert answer.json()["error"]["message"] == f"this takes the role {least}; the key caller has the role {role}"


def test_who_is_refused_is_counted_and_named_by_the_key_and_nothing_of_the_key_is_written(shelf, caplog):
    client, keys = shelf
    caplog.set_level("INFO", "millrace.access")
    viewer, admin = make(keys, "caller", "viewer", ADA), make(keys, "boss", "admin", ADA)
    old = make(keys, "old", "admin", ADA, expires=ADA.at + 1)
    for headers in ({}, bearer("mr_of-somebody-else"), bearer(viewer), bearer(viewer), bearer(old)):
        ask(client, "POST", "/v1/decide", headers)
    told = client.get("/metrics", headers=bearer(admin)).text
    assert 'millrace_keys_refused_total{key="",status="401",system="shelf"} 2.0' in told
    assert 'millrace_keys_refused_total{key="caller",status="403",system="shelf"} 2.0' in told
    assert 'millrace_keys_refused_total{key="old",status="401",system="shelf"} 1.0' in told, "who still uses it can be found"
    assert 'status="401"' not in "".join(line for line in told.splitlines() if "millrace_errors" in line)
    said = [one.getMessage() for one in caplog.records]
    assert [line.split(" with ")[1] for line in said] == [
        *["no key that is known: 401"] * 2,
        *["the key 'caller': 403"] * 2,
        "the key 'old': 401",
    ]
    assert all(line.startswith("POST '/v1/decide' from 127.0.0.1:") for line in said)
    assert not any(key in line for line in said for key in (viewer, admin, old, "mr_"))


def test_probes_need_no_key(shelf):
    client, keys = shelf
    make(keys, "caller", "admin", ADA)
    assert [ask(client, "GET", path).status_code for path in ("/healthz", "/readyz")] == [200, 200]


@pytest.mark.parametrize("shown", ["mr_wrong", "", "\x80\xff", "a" * 10_000])
def test_wrong_key_is_refused_and_not_repeated(shelf, shown):
    client, keys = shelf
    make(keys, "caller", "admin", ADA)
    answer = ask(client, "GET", "/metrics", {"x-api-key": shown.encode("latin-1")})
    assert answer.status_code == 401
    assert not shown or shown not in answer.text


def test_key_of_another_system_is_refused(shelf):
    client, keys = shelf
    key = make(keys, "caller", "admin", ADA, systems=["another.system"])
    answer = ask(client, "GET", "/metrics", bearer(key))
    assert answer.status_code == 403
    assert answer.json()["error"]["message"].endswith("only for another.system")


def test_expired_key_is_refused(shelf):
    client, keys = shelf
    key = make(keys, "caller", "admin", ADA, expires=ADA.at + 1)
    assert ask(client, "GET", "/metrics", bearer(key)).status_code == 401


def test_rate_of_a_key_is_held_and_says_when_to_come_back(shelf):
    client, keys = shelf
    slow, fast = make(keys, "slow", "viewer", ADA, rate=0.01), make(keys, "fast", "viewer", ADA)
    assert ask(client, "GET", "/metrics", bearer(slow)).status_code == 200
    answer = ask(client, "GET", "/metrics", bearer(slow))
    assert (answer.status_code, 1 <= int(answer.headers["retry-after"]) <= 100) == (429, True)
    assert ask(client, "GET", "/metrics", bearer(fast)).status_code == 200


def test_revoked_key_works_no_longer_once_the_keys_are_read_again(shelf, monkeypatch):
    client, keys = shelf
    key = make(keys, "caller", "viewer", ADA)
    assert ask(client, "GET", "/metrics", bearer(key)).status_code == 200
    keys.revoke("caller", ADA)
    monkeypatch.setattr(access, "FRESH_S", 0.0)
    assert ask(client, "GET", "/metrics", bearer(key)).status_code == 401
    assert ask(client, "GET", "/metrics").status_code == 401, "a folder whose keys are all revoked is not open again"


def test_open_inference_refusals_are_a_plain_sentence(shelf):
    client, keys = shelf
    make(keys, "caller", "viewer", ADA)
    assert ask(client, "GET", "/v2/models/m").json() == {"error": "a key is needed: Authorization: Bearer KEY"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/records"), ("DELETE", "/v1/decide"), ("POST", "/v1/decide/"), ("PUT", "/metrics"), ("POST", "//v1/decide")],
)
def test_what_is_not_listed_needs_the_highest_role(method, path):
    assert needed(method, path) == "admin"


def test_roles_that_change_what_serves():
    assert needed("POST", "/v1/rollout/halt") == "approver"
    assert needed("POST", "/v2/models/m/versions/3/infer") == "operator"


def test_many_callers_at_once_while_the_keys_are_read_again(shelf, monkeypatch):
    client, keys = shelf
    key = make(keys, "caller", "viewer", ADA)
    monkeypatch.setattr(access, "FRESH_S", 0.0)
    got = []
    threads = [
        threading.Thread(target=lambda: got.extend(ask(client, "GET", "/readyz?x", bearer(key)).status_code for _ in range(5)))
        for _ in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert got == [200] * 40
