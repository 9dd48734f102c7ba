"""Expressions over fields: what `Watch.seconds > 3` means, how it reads and how it is computed on columns."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from millrace.errors import DeclarationError, brief
from millrace.types import Array


def _equal(a: Any, b: Any) -> Array:
    return np.asarray(np.equal(a, b), dtype=bool)


def _unequal(a: Any, b: Any) -> Array:
    return np.asarray(np.not_equal(a, b), dtype=bool)


def _number(value: Any) -> Any:
    """Return a truth value as the number it counts as; NumPy would add two of them to another truth value."""
    return value.astype(np.int64) if isinstance(value, np.ndarray) and value.dtype == np.bool_ else value


def _add(a: Any, b: Any) -> Array:
    return _number(a) + _number(b)


def _subtract(a: Any, b: Any) -> Array:
    return _number(a) - _number(b)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": _add,
    "-": _subtract,
    "*": operator.mul,
    "/": operator.truediv,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": _equal,
    "!=": _unequal,
    "&": operator.and_,
    "|": operator.or_,
    "~": operator.invert,
}


class Expr:
    """A value computed per event or per row, built with ordinary operators on the fields of a class.

    `column` is its structure as text: two expressions with one `column` are the same expression.
    """

    __slots__ = ("args", "column", "op")

    def __init__(self, op: str, *args: Any) -> None:
        for arg in args:
            if not isinstance(arg, Expr | str | int | float | bool):
                raise DeclarationError(f"{brief(arg)} cannot stand in an expression: use fields, numbers, strings and booleans")
            if op in ("&", "|") and not isinstance(arg, Expr | bool):
                raise DeclarationError(f"{brief(arg)} is no condition: {op} binds tighter than a comparison, so write (a > 1) {op} (b > 2)")
        self.op = op
        self.args = args
        texts = [arg.column if isinstance(arg, Expr) else repr(arg) for arg in args]
        self.column = f"({texts[0]} {op} {texts[1]})" if len(texts) == 2 else f"{op}{texts[0]}"

    def fields(self) -> Iterator[Expr]:
        """Yield the fields it reads, from left to right."""
        for arg in self.args:
            if isinstance(arg, Expr):
                yield from arg.fields()

    def evaluate(self, read: Callable[[Any], Array]) -> Array:
        """Return its value per row, given how to read a field as an array."""
        values = [arg.evaluate(read) if isinstance(arg, Expr) else arg for arg in self.args]
        return _OPERATIONS[self.op](*values)

    def __repr__(self) -> str:
        return self.column

    def __bool__(self) -> bool:
        raise DeclarationError(
            f"{self.column} is neither true nor false while the module is read: join conditions as in (a > 1) & (b < 2), with & | ~, "
            f"instead of `and`, `or`, `not`, `in` or a < b < c"
        )

    __hash__ = object.__hash__

    def __add__(self, other: Any) -> Expr:
        return Expr("+", self, other)

    def __radd__(self, other: Any) -> Expr:
        return Expr("+", other, self)

    def __sub__(self, other: Any) -> Expr:
        return Expr("-", self, other)

    def __rsub__(self, other: Any) -> Expr:
        return Expr("-", other, self)

    def __mul__(self, other: Any) -> Expr:
        return Expr("*", self, other)

    def __rmul__(self, other: Any) -> Expr:
        return Expr("*", other, self)

    def __truediv__(self, other: Any) -> Expr:
        return Expr("/", self, other)

    def __rtruediv__(self, other: Any) -> Expr:
        return Expr("/", other, self)

    def __lt__(self, other: Any) -> Expr:
        return Expr("<", self, other)

    def __le__(self, other: Any) -> Expr:
        return Expr("<=", self, other)

    def __gt__(self, other: Any) -> Expr:
        return Expr(">", self, other)

    def __ge__(self, other: Any) -> Expr:
        return Expr(">=", self, other)

    def __eq__(self, other: Any) -> Expr:  # type: ignore[override]
        return Expr("==", self, other)

    def __ne__(self, other: Any) -> Expr:  # type: ignore[override]
        return Expr("!=", self, other)

    def __and__(self, other: Any) -> Expr:
        return Expr("&", self, other)

    def __or__(self, other: Any) -> Expr:
        return Expr("|", self, other)

    def __rand__(self, other: Any) -> Expr:
        return Expr("&", other, self)

    def __ror__(self, other: Any) -> Expr:
        return Expr("|", other, self)

    def __invert__(self) -> Expr:
        return Expr("~", self)
