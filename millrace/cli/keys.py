"""`millrace keys`: who may ask the servers of a folder, for what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from millrace.cli.acting import by_hand
from millrace.cli.printing import console, table, when
from millrace.errors import BadInput, DeclarationError
from millrace.serve.access import fresh_key
from millrace.serve.clock import wall
from millrace.serve.home import systems_in
from millrace.stores.api_keys import ApiKey, ApiKeys
from millrace.stores.database import open_database
from millrace.types import SECOND, micros


def add(folder: Path, name: str, role: str, systems: Sequence[str], rate: float | None, expires: str, why: str) -> None:
    """Make a key and print it, this once.

    Args:
        folder: The home of the systems that it opens.
        name: Whose it is.
        role: What it allows.
        systems: The systems it is good for; none means all.
        rate: Requests per second, None for any number.
        expires: How long it is good, such as `90d`; "" for ever.
        why: For the audit.

    Raises:
        BadInput: One of these is wrong, or there is no such system, where the folder tells which there are.
        Conflict: There is a key of that name, or was.
    """
    now = wall()
    until = now + _length(expires) if expires else None
    key = fresh_key()
    with open_database(folder) as database:
        _check_systems(folder, systems, systems_in(folder, database))
        ApiKeys(database).add(name, key, role, by_hand(why), systems=systems, rate=rate, expires=until)
    console(to_errors=True).print(f"{name} may, as {role}; a running server knows within seconds. The key is shown only now:")
    print(key)


def _check_systems(folder: Path, wanted: Sequence[str], known: Sequence[str]) -> None:
    wrong = next((one for one in wanted if known and one not in known), None)
    if wrong is not None:
        said = f"{folder} knows no system {wrong!r}, so the key would open nothing: use one of {', '.join(known)}"
        raise BadInput(f"{said}, or serve {wrong} there first", field="system")


def revoke(folder: Path, name: str, why: str) -> None:
    """Make a key useless.

    Raises:
        NotFound: There is no such key.
    """
    with open_database(folder) as database:
        ApiKeys(database).revoke(name, by_hand(why))
    console().print(f"{name} may no longer; running servers know within seconds")


def show(folder: Path) -> None:
    """Print every key ever made."""
    now = wall()
    with open_database(folder) as database:
        keys = ApiKeys(database).all()
    if not keys:
        console().print(f"there is no key in {folder}: everybody on this machine may ask a server for anything")
        return
    rows = table("Keys", "name", "role", "systems", "requests/s", "made", "expires", "state", numbers=("requests/s",))
    for one in keys:
        rate = f"{one.rate:g}" if one.rate is not None else "any"
        rows.add_row(one.name, one.role, ", ".join(one.systems) or "all", rate, when(one.created), when(one.expires), _state(one, now))
    console().print(rows)


def _state(key: ApiKey, now: int) -> str:
    if key.revoked is not None:
        return f"revoked {when(key.revoked)}"
    return "good" if key.is_good(now) else "expired"


def _length(said: str) -> int:
    try:
        length = micros(said)
    except DeclarationError as error:
        raise BadInput(f"{said!r} is no length of time: write 90d or 12h", field="expires") from error
    if length < SECOND:
        raise BadInput(f"a key good for {said} is of no use: write 90d or 12h", field="expires")
    return length
