"""Where online views are published: the adapter of a URL, and the deletion of what must not lie there any more."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from millrace.errors import BadInput, MillraceError
from millrace.stores.publications import Publications

_STORES = {"redis": "redis", "rediss": "redis", "unix": "redis"}


def store_of(url: str) -> Any:
    """Return the adapter of a URL: of an online view, chosen by the scheme.

    Raises:
        BadInput: There is none.
    """
    scheme = url.partition("://")[0]
    if scheme not in _STORES:  # what was written may hold a password, so it is not repeated
        raise BadInput(f"--online takes a URL that begins with {', '.join(f'{one}://' for one in _STORES)}", "online")
    return import_module(f"millrace.adapters.{_STORES[scheme]}.online")


def delete_owed(publications: Publications, online: str) -> Iterator[str]:
    """Delete the published views that hold what was forgotten, and yield for each that could not be why, and what to do.

    Args:
        publications: Those of the folder.
        online: A URL with what it takes to be let in, used for the place it names; "" is none.
    """
    known = {store_of(online).place(online): online} if online else {}
    for one in publications.owed():
        try:
            store_of(one.place).delete(known.get(one.place, one.place), one.system)
        except MillraceError as error:
            yield (
                f"the view of {one.system} that was published to {one.place} still holds what was forgotten: {error}. It is deleted by the"
                " next millrace forget or serve that reaches it, with --online or MILLRACE_ONLINE where a password is needed"
            )
        else:
            publications.deleted(one)
