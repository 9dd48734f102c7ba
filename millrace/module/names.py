"""Names and places of declarations: models, policies and systems are who they are, so each has one name and keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from millrace.errors import DeclarationError
from millrace.features.declare import Family
from millrace.features.window import Window
from millrace.models.declare import Model
from millrace.module.bindings import Binding
from millrace.policy.sources import Source
from millrace.policy.stages import Score
from millrace.schema import Field
from millrace.system import System
from millrace.walk import children, is_declaration, reachable


def names(name: str, system: System, bindings: list[Binding]) -> dict[int, str]:
    """Return the name of every declaration by its identity.

    It is what it is bound to; else it is called after what holds it (`ranked.Top`, `sources.Fresh`), numbered where that is taken.

    Args:
        name: The system's.
        system: The declaration.
        bindings: What the module binds.

    Raises:
        DeclarationError: A model, a policy or a source is bound twice: which of the names would its versions be kept under?
    """
    found: dict[int, str] = {}
    somebody = {id(one) for one in reachable(system) if isinstance(one, Model | System | Source) or hasattr(one, "decide")}
    for binding in bindings:
        key = id(binding.value)
        if key in found and key in somebody:
            raise DeclarationError(
                f"{binding.place}: {binding.name}: this is {found[key]} again: "
                f"a {type(binding.value).__name__} is known by its name, so bind it once"
            )
        found.setdefault(key, binding.name)
        for one in _members(binding):
            found.setdefault(id(one), f"{binding.name}[{one.label}]".replace("'", ""))  # to be typed in a shell, a window has no quotes
    _name_the_rest(name, system, found)
    return found


def places(system: System, bindings: list[Binding]) -> dict[int, str]:
    """Return the `file:line` of every declaration, class and field by its identity; what is not bound stands where its holder does."""
    found: dict[int, str] = {}
    for binding in bindings:
        for one in (binding.value, *_members(binding)):
            found.setdefault(id(one), binding.place)
        found |= {id(Field(binding.value, field)): place for field, place in binding.fields.items()}
    for one in reachable(system):
        if id(one) in found:
            found |= {id(leaf): found[id(one)] for leaf in _held(one) if id(leaf) not in found}
    return found


def _members(binding: Binding) -> Iterable[Any]:
    return binding.value.members if isinstance(binding.value, Family) else ()


def _name_the_rest(name: str, system: System, found: dict[int, str]) -> None:
    used = set(found.values())
    for one in reachable(system):
        parent = found.get(id(one), name)
        for leaf in _held(one):
            if id(leaf) not in found:
                found[id(leaf)] = _name_of(leaf, parent, found, used)
                used.add(found[id(leaf)])


def _held(one: Any) -> Iterator[Any]:
    """Yield the declarations directly inside one; the window of a feature is part of what it is."""
    return (leaf for leaf in _leaves(inner for _, inner in children(one)) if is_declaration(leaf) and not isinstance(leaf, Window))


def _leaves(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _leaves(value)
        else:
            yield value


def _name_of(one: Any, parent: str, found: dict[int, str], used: set[str]) -> str:
    if hasattr(one, "column"):
        return one.column  # a feature or an outcome is what it is: it needs no number to tell it from its like
    kind = f"Score.{found.get(id(one.model), 'model')}" if isinstance(one, Score) else type(one).__name__
    base = given = f"{parent}.{kind}"
    number = 2
    while given in used:
        given, number = f"{base}{number}", number + 1
    return given
