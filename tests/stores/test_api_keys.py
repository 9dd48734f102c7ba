from pathlib import Path

import pytest

from millrace.errors import BadInput, Conflict, NotFound
from millrace.stores.api_keys import ApiKeys, digest_of
from millrace.stores.audit import Audit, Change
from millrace.stores.database import Database, open_database

NOW = 1_700_000_000_000_000
KEY = "k3" * 22
ADA = Change(NOW, "ada", "the app decides with it")


@pytest.fixture
def keys(database: Database) -> ApiKeys:
    return ApiKeys(database)


def test_key_is_not_kept_only_its_digest_is(keys: ApiKeys, home: Path):
    keys.add("app", KEY, "operator", ADA, systems=["shop.feed"], rate=50, expires=NOW + 10)
    (kept,) = keys.all()
    assert kept.digest == digest_of(KEY)
    assert (kept.name, kept.role, kept.systems, kept.rate, kept.created, kept.expires) == (
        "app",
        "operator",
        ["shop.feed"],
        50.0,
        NOW,
        NOW + 10,
    )
    assert all(KEY.encode() not in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_key_is_good_until_it_expires_or_is_revoked(keys: ApiKeys):
    keys.add("app", KEY, "viewer", ADA, expires=NOW + 10)
    (key,) = keys.all()
    assert [key.is_good(NOW + 9), key.is_good(NOW + 10)] == [True, False]
    keys.revoke("app", Change(NOW + 1, "ada", "it leaked"))
    keys.revoke("app", Change(NOW + 2, "ada", "again"))
    (key,) = keys.all()
    assert (key.revoked, key.is_good(NOW + 3)) == (NOW + 1, False)


def test_changes_of_keys_are_audited_without_what_they_could_be_found_by(keys: ApiKeys, database: Database):
    keys.add("app", KEY, "viewer", ADA)
    keys.revoke("app", Change(NOW + 1, "bob", "it leaked"))
    entries = Audit(database).entries("app")
    assert [(one.who, one.what, one.why) for one in entries] == [
        ("ada", "add key", "the app decides with it"),
        ("bob", "revoke key", "it leaked"),
    ]
    assert digest_of(KEY) not in str(entries)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"key": "guess me"}, "a key of 8 characters can be guessed"),
        ({"name": " "}, "a key must have a name"),
        ({"role": "root"}, "there is no role 'root': use one of viewer, operator, approver, admin"),
        ({"rate": 0.0}, "would let nothing through"),
        ({"rate": float("nan")}, "would let nothing through"),
        ({"expires": NOW}, "would have expired already"),
    ],
)
def test_wrong_key_is_refused(keys: ApiKeys, said: dict, message: str):
    given = {"name": "app", "key": KEY, "role": "viewer", **said}
    with pytest.raises(BadInput, match=message):
        keys.add(given.pop("name"), given.pop("key"), given.pop("role"), ADA, **given)
    assert keys.all() == []


def test_name_is_used_once(keys: ApiKeys):
    keys.add("app", KEY, "viewer", ADA)
    keys.revoke("app", ADA)
    with pytest.raises(Conflict, match="called app already, or was"):
        keys.add("app", KEY, "viewer", ADA)


def test_unknown_key_cannot_be_revoked(keys: ApiKeys):
    with pytest.raises(NotFound, match="no key is called 'nobody'"):
        keys.revoke("nobody", ADA)


def test_database_of_the_release_before_gets_the_table(home: Path):
    with open_database(home) as database, database.transaction() as connection:
        database.tables["api_keys"].drop(connection)
        connection.execute(database.tables["schema_version"].update().values(version=1))
    with open_database(home) as database:
        ApiKeys(database).add("app", KEY, "viewer", ADA)
        assert [key.name for key in ApiKeys(database).all()] == ["app"]
