"""Keys that callers of a server show: whose they are, what they may do, until when. Of the key itself only its digest is kept.

Public: `ROLES`, `ApiKey`, `ApiKeys` (`add`, `revoke`, `all`), `digest_of`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from millrace.errors import BadInput, Conflict, NotFound
from millrace.stores.audit import Change, accountable, record
from millrace.stores.database import Database
from millrace.stores.plain import checked, stored

if TYPE_CHECKING:
    from sqlalchemy import Connection

ROLES = ("viewer", "operator", "approver", "admin")
"""What a caller may do, each all that those before it may: look; decide and report events; change what serves; all the rest."""

LEAST = 43
"""How long a key is at the least: 256 random bits, written in letters and digits."""


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is registered.

    Attributes:
        name: Whose it is, or what for: it is the name that the audit shows.
        digest: The SHA-256 of the key, hexadecimal. A plain digest is enough: a key is 256 random bits, which nobody can guess.
        role: One of `ROLES`.
        systems: The systems it is good for; none means all.
        rate: How many requests per second it may make, None for any number.
        created: When it was made, microseconds since 1970 UTC.
        expires: From when on it is no longer good, microseconds since 1970 UTC; None for never.
        revoked: When it was revoked; None if it was not.
    """

    name: str
    digest: str
    role: str
    systems: list[str]
    rate: float | None
    created: int
    expires: int | None = None
    revoked: int | None = None

    def is_good(self, at: int) -> bool:
        """Return whether it may be used at an instant, microseconds since 1970 UTC."""
        return self.revoked is None and (self.expires is None or at < self.expires)


class ApiKeys:
    """The keys registered in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys = database.tables["api_keys"]

    def add(
        self,
        name: str,
        key: str,
        role: str,
        change: Change,
        *,
        systems: Sequence[str] = (),
        rate: float | None = None,
        expires: int | None = None,
    ) -> None:
        """Register a key; itself it is not kept.

        Args:
            name: Whose it is. A name is used once, so that the audit stays clear.
            key: The key, at least `LEAST` characters that nobody can guess.
            role: One of `ROLES`.
            change: When, who and why.
            systems: The systems it is good for; none means all.
            rate: How many requests per second it may make, above 0; None for any number.
            expires: From when on it is no longer good, after the change's instant; None for never.

        Raises:
            BadInput: The name is empty, the key too short, the role unknown, the rate not above 0, or it would have expired already.
            Conflict: There is a key of that name, good or revoked.
        """
        change = accountable(change)
        _check(name, role, rate, expires, change.at)
        if len(key) < LEAST:
            raise BadInput(f"a key of {len(key)} characters can be guessed: use {LEAST} random ones", field="key")
        made = checked(
            ApiKey(name=name, digest=digest_of(key), role=role, systems=list(systems), rate=rate, created=change.at, expires=expires)
        )
        with self._database.transaction() as connection:
            if self._find(connection, name) is not None:
                raise Conflict(f"there is a key called {name} already, or was: give this one another name")
            connection.execute(self._keys.insert().values(**msgspec.to_builtins(made)))
            record(connection, self._database, change, "add key", name, None, _shown(made))

    def revoke(self, name: str, change: Change) -> None:
        """Make a key useless from now on; to revoke it again changes nothing.

        Raises:
            NotFound: There is no key of that name.
        """
        change = accountable(change)
        with self._database.transaction() as connection:
            found = self._find(connection, name)
            if found is None:
                raise NotFound(f"no key is called {name!r}: millrace keys list shows them")
            if found.revoked is None:
                connection.execute(self._keys.update().where(self._keys.c.name == name).values(revoked=change.at))
                after = msgspec.structs.replace(found, revoked=change.at)
                record(connection, self._database, change, "revoke key", name, _shown(found), _shown(after))

    def all(self) -> list[ApiKey]:
        """Return every key ever made, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(self._keys.select().order_by(self._keys.c.created, self._keys.c.name)).mappings()
            return [stored(row, ApiKey) for row in rows]

    def _find(self, connection: Connection, name: str) -> ApiKey | None:
        row = connection.execute(self._keys.select().where(self._keys.c.name == name)).mappings().one_or_none()
        return None if row is None else stored(row, ApiKey)


def digest_of(key: str) -> str:
    """Return what is kept of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def _check(name: str, role: str, rate: float | None, expires: int | None, at: int) -> None:
    if not name.strip():
        raise BadInput("a key must have a name: say whose it is, or what for", field="name")
    if role not in ROLES:
        raise BadInput(f"there is no role {role!r}: use one of {', '.join(ROLES)}", field="role")
    if rate is not None and not rate > 0:
        raise BadInput(f"a rate of {rate} requests per second would let nothing through: give one above 0, or none", field="rate")
    if expires is not None and expires <= at:
        raise BadInput("the key would have expired already: give a time to come", field="expires")


def _shown(key: ApiKey) -> dict[str, object]:
    """Return what the audit shows of a key: nothing that it could be found by."""
    return {name: value for name, value in msgspec.to_builtins(key).items() if name != "digest"}
