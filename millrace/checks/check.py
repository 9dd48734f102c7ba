"""Every rule a system must keep, in the order in which they are tried."""

from __future__ import annotations

from millrace.checks import believing, deciding, experimenting, keeping, learning
from millrace.errors import DeclarationError
from millrace.loaded import Loaded


def check(loaded: Loaded) -> None:
    """Refuse a system that breaks a rule, naming the declaration, its line, the rule and the remedy.

    Raises:
        DeclarationError: The first rule broken.
    """
    for rule in deciding.RULES + experimenting.RULES + learning.RULES + believing.RULES + keeping.RULES:
        for declaration, sentence in rule(loaded):
            raise DeclarationError(f"{loaded.places[id(declaration)]}: {loaded.names[id(declaration)]}: {sentence}")
