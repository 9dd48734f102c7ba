"""What is refused of what a module binds, whether or not its system reaches it: fields of classes, and the code of functions."""

from __future__ import annotations

from millrace.annotations import kind_of
from millrace.errors import DeclarationError
from millrace.features.declare import OnDemand
from millrace.module.bindings import Binding
from millrace.schema import Entity, Request, field_names

_OF_A_RECORD = {"position", "known"}
_OF_A_DECISION = {"policy", "arm", "arm_share", "action", "answer", "missed", "shadow", "release", "request", "candidate", "rank"}
_OF_A_DECISION |= {"interleaved"}


def check_bound(bound: list[Binding]) -> None:
    """Refuse a field that no column can hold or whose name is taken, and a function whose code cannot be vouched for.

    Args:
        bound: What the user's modules bind.

    Raises:
        DeclarationError: The first such field or function, with its line.
    """
    for binding in bound:
        if isinstance(binding.value, OnDemand):
            _check_code(binding, binding.value)
        elif isinstance(binding.value, type):
            _check_fields(binding, binding.value)


def _check_code(binding: Binding, function: OnDemand) -> None:
    try:
        function.column  # noqa: B018 - reading it takes the fingerprint of the function's code
    except DeclarationError as error:
        raise DeclarationError(f"{binding.place}: {binding.name}: {error}") from error


def _check_fields(binding: Binding, owner: type) -> None:
    for name in field_names(owner):
        try:
            wrong = _wrong_with_field(owner, name)
        except NameError as error:  # annotations that are text are read only now
            raise DeclarationError(f"{binding.place}: {binding.name}: {error}: define what its fields refer to, or import it") from error
        if wrong:
            raise DeclarationError(f"{binding.fields.get(name, binding.place)}: {binding.name}.{name}: {wrong}")


def _wrong_with_field(owner: type, name: str) -> str:
    try:
        kind_of(owner, name)
    except DeclarationError as error:
        return str(error).partition(": ")[2]
    if name in _OF_A_RECORD or (name == "at" and issubclass(owner, Entity)):
        return f"every record in the log has a {name} of its own: give the field another name"
    if name in _OF_A_DECISION and issubclass(owner, Request):
        return f"a decision keeps a {name} of its own beside what was asked: give the field another name"
    return ""
