"""Load a user's module: run it, name its declarations by their bindings, and check them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from millrace.checks.bound import check_bound
from millrace.checks.check import check
from millrace.errors import DeclarationError
from millrace.features.declare import Family
from millrace.loaded import Loaded
from millrace.module.bindings import Binding, bindings
from millrace.module.ground import Ground
from millrace.module.names import names, places
from millrace.module.run import run
from millrace.system import System
from millrace.walk import reachable

_HOUSE = __name__.partition(".")[0]


def load(path: str) -> Loaded:
    """Load the module at an import path (`shop.feed`) or in a file (`shop/feed.py`).

    Raises:
        DeclarationError: The module cannot be found or run, declares no system or several, or breaks a rule. The message names
            the declaration, its line, the rule and the remedy.
    """
    module = run(path)
    bound = bindings(module, Ground.of(path))
    check_bound(bound)
    own = _system(path, bound)
    loaded = Loaded(
        path=path,
        name=own.name,
        system=own.value,
        names=names(own.name, own.value, bound),
        places=places(own.value, bound),
        warnings=tuple(_unused(own.value, bound)),
    )
    check(loaded)
    return loaded


def load_policy(path: str, policy: str) -> Loaded:
    """Load the module's system with another of its policies in place of its own; nothing watches it or trains it anew.

    Args:
        path: As for `load`.
        policy: What the policy is bound to at the top of the module.

    Raises:
        DeclarationError: As for `load`, or the module binds no such policy.
    """
    module = run(path)
    bound = bindings(module, Ground.of(path))
    check_bound(bound)
    own = _system(path, bound)
    policies = {one.name: one.value for one in bound if hasattr(one.value, "decide") and not isinstance(one.value, type)}
    if policy not in policies:
        raise DeclarationError(f"{Path(path).name} binds no policy {policy!r}: it binds {', '.join(policies) or 'none; give one a name'}")
    system = System(own.value.request, policy=policies[policy], candidate=own.value.candidate)
    loaded = Loaded(path, own.name, system, names(own.name, system, bound), places(system, bound), ())
    check(loaded)
    return loaded


def _system(path: str, bound: list[Binding]) -> Binding:
    found = [one for one in bound if isinstance(one.value, System) and one.is_own]
    if not found:
        where = Path(path).name if path.endswith(".py") else path
        raise DeclarationError(f"{where}: it declares no system: bind one at the top of the module, as in feed = System(...)")
    if len({id(one.value) for one in found}) > 1:
        first, second = found[:2]
        raise DeclarationError(
            f"{second.place}: {second.name}: {first.name} is a System too, and a module declares one: give one of them its own module"
        )
    return found[0]


def _unused(system: System, bound: list[Binding]) -> Iterator[str]:
    """Yield a warning for each declaration of the module that the system does not reach; a feature is reached by its structure."""
    reached = list(reachable(system))
    identities = {id(one) for one in reached}
    columns = {one.column for one in reached if hasattr(one, "column")}
    for binding in bound:
        value = binding.value
        parts = value.members if isinstance(value, Family) else (value,)
        is_used = any(id(one) in identities or getattr(one, "column", None) in columns for one in parts)
        is_ours = type(value).__module__.startswith(f"{_HOUSE}.") and not isinstance(value, type)
        if binding.is_own and is_ours and not is_used:
            yield f"{binding.place}: {binding.name} is declared and used by nothing"
