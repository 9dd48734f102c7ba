"""What callers send, read into typed records; what is wrong is named by its field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from millrace.decision import Decision
from millrace.errors import BadInput
from millrace.loaded import Loaded
from millrace.schema import Entity, Event, Field, private_fields, references
from millrace.types import moment

UNSAID = "(private)"
"""What stands for a private value wherever a record is shown."""

_PATH = re.compile(r"`\$\.?([^`]*)`$")
_NAMED = re.compile(r"field `([^`]+)`")
_TYPES = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_CALLED = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "datetime": "an instant",
    "bytes": "bytes in base64", "array": "a list", "object": "an object", "null": "null",
}  # fmt: skip
_INSTANT = "write an instant with its time zone, such as 2026-01-31T12:00:00Z"


def decoded(body: bytes) -> Any:
    """Return a JSON body as plain values.

    Raises:
        BadInput: It is not JSON, or nested too deep.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise BadInput("the body is nested too deep: send an object, or a list of them") from error


def record(owner: type, values: Any, now: int, said: str = "") -> Any:
    """Return one record of a class from plain values; an event without `at` happened now.

    Args:
        owner: The class.
        values: The fields by name.
        now: The present, microseconds.
        said: What to begin an error with: which record of many this is.

    Raises:
        BadInput: A field is unknown, missing or of the wrong type; `field` names it.
    """
    if not isinstance(values, Mapping):
        raise BadInput(f"{said}{owner.__name__}: expected an object with its fields, got {_kind(values)}")
    given = dict(values)
    if issubclass(owner, Event) and given.get("at") is None:
        given["at"] = moment(now).isoformat()
    try:
        return msgspec.convert(given, owner)
    except msgspec.ValidationError as error:
        raise BadInput(f"{said}{owner.__name__}: {_reworded(str(error))}", field=_field(str(error))) from error


def asked(loaded: Loaded, values: Any, now: int, said: str = "") -> Any:
    """Return one request of a system from plain values. Arguments and errors are those of `record` and `check_takes`."""
    made = record(loaded.system.request, values, now, said)
    check_takes(loaded, made, said)
    return made


def check_takes(loaded: Loaded, request: Any, said: str = "") -> None:
    """Refuse a request that would have nothing taken: a policy is to take at least 1, whether a declaration or a request says how many.

    Args:
        loaded: The system.
        request: The request; one that was logged is past being refused, and is decided again as it was.
        said: What to begin the error with.

    Raises:
        BadInput: It says to take less than 1; `field` names where.
    """
    for name in loaded.taking:
        n = getattr(request, name)
        if n is None or n < 1:
            got = "null" if n is None else n
            raise BadInput(f"{said}{type(request).__name__}: `{name}` says how many to take: write 1 or more, not {got}", field=name)


def _field(message: str) -> str:
    named, path = _NAMED.search(message), _PATH.search(message)
    return named[1] if named else path[1] if path else ""


def _reworded(message: str) -> str:
    """Return what is wrong in words that speak of JSON rather than of Python's types."""
    field, types = _field(message), _TYPES.search(message)
    if types:
        wanted, got = (" or ".join(_CALLED.get(one, one) for one in said.split(" | ")) for said in types.groups())
        got += " with a point" if types[2] == "float" else ""
        return f"`{field}` takes {wanted}, not {got}"
    if "datetime" in message:
        return f"`{field}` does not say when: {_INSTANT}"
    return message.replace("Object missing required field", "missing the field").replace("Object contains unknown field", "has no field")


def _kind(values: Any) -> str:
    return "a list" if isinstance(values, list) else "nothing" if values is None else repr(values)


def requests(loaded: Loaded, body: bytes, now: int, most: int) -> tuple[list[Any], bool]:
    """Return the requests of a body, and whether it was a list of them (rather than one object).

    Args:
        loaded: The system.
        body: JSON.
        now: The present, microseconds: what a request without `at` is asked at.
        most: How many records a body may hold.

    Raises:
        BadInput: It holds none or too many, or one is wrong.
    """
    values = decoded(body)
    listed = _listed(values, most)
    if not listed:
        raise BadInput("the body is an empty list: send at least one request")
    is_list = isinstance(values, list)
    return [asked(loaded, one, now, f"request {place}: " if is_list else "") for place, one in enumerate(listed)], is_list


def happenings(loaded: Loaded, body: bytes, now: int, most: int) -> list[Any]:
    """Return the events and entities of a body: objects with a `type` and the fields of that class, one or a list of them.

    The arguments and errors are those of `requests`; an empty list is no error.
    """
    values = decoded(body)
    found = []
    for place, one in enumerate(_listed(values, most)):
        said = f"record {place}: " if isinstance(values, list) else ""
        found.append(record(_class(loaded, one, said), {name: value for name, value in one.items() if name != "type"}, now, said))
    return found


def _class(loaded: Loaded, values: Any, said: str = "") -> type:
    name = values.get("type") if isinstance(values, Mapping) else None
    there = ", ".join(loaded.streams)
    if not isinstance(name, str):
        raise BadInput(f'{said}say what it is: an object with a "type", one of {there}', field="type")
    if name not in loaded.streams:
        raise BadInput(f"{said}there is no type {name!r}: choose {there}", field="type")
    return loaded.streams[name]


def _listed(values: Any, most: int) -> list[Any]:
    listed = values if isinstance(values, list) else [values]
    if len(listed) > most:
        raise BadInput(f"{len(listed)} records in one body, at most {most} are taken: send them in parts")
    return listed


def outcome(loaded: Loaded, decision: Decision, asked: Any, body: bytes, now: int) -> Any:
    """Return the event that tells what came of a decision, the references filled in from the decision itself.

    The body has a `type`, the `candidate` it is about where the event names one and several were taken, and whatever other fields the
    event has. A given reference is kept; one to the request can only be to the one decided.

    Raises:
        BadInput: The type, the candidate or a field is wrong.
    """
    values = decoded(body)
    stream = _class(loaded, values)
    given = {name: value for name, value in values.items() if name not in ("type", "candidate")}
    own = {one.refers_to: getattr(asked, one.name) for one in _only(references(loaded.system.request))}
    own[loaded.system.request] = decision.id
    _check_told_of_it(decision, loaded.system.request, stream, given)
    missing = [one for one in _only(references(stream)) if one.name not in given]
    if "candidate" in values or any(one.refers_to is loaded.system.candidate for one in missing):
        own[loaded.system.candidate] = _about(decision, values.get("candidate"))
    given |= {one.name: own[one.refers_to] for one in missing if one.refers_to in own}
    return record(stream, given, now)


def _check_told_of_it(decision: Decision, request: type, stream: type, given: Mapping[str, Any]) -> None:
    for one in _only(references(stream)):
        if one.refers_to is request and (named := given.get(one.name, decision.id)) != decision.id:
            raise BadInput(f"`{one.name}` names {named!r}, and this is told of {decision.id}: leave it out", field=one.name)


def _only(fields: list[Field]) -> list[Field]:
    """Return the references whose class no other of them points to: which of two is meant, nobody can know."""
    targets = [field.refers_to for field in fields]
    return [field for field in fields if targets.count(field.refers_to) == 1]


def _about(decision: Decision, candidate: Any) -> str:
    """Return the candidate that an outcome is about: the one named, or the only one taken."""
    taken = decision.candidate[: decision.taken]
    if candidate is None and len(taken) == 1:
        return taken[0]
    if candidate is None:
        raise BadInput(f'decision {decision.id} took {len(taken)}: name the "candidate" this is about', field="candidate")
    if candidate not in taken:
        raise BadInput(f"{candidate!r} is not among what decision {decision.id} took: {', '.join(taken) or 'nothing'}", field="candidate")
    return candidate


def plain(item: Any) -> Any:
    """Return a record as values that JSON can say, private ones left unsaid."""
    if isinstance(item, Event | Entity):
        item = msgspec.structs.replace(item, **{name: UNSAID for name in private_fields(type(item)) if getattr(item, name) is not None})
    return msgspec.to_builtins(item, enc_hook=lambda value: value.isoformat() if isinstance(value, datetime) else str(value))
