"""Reading fields of events and rows, through references too: where paths such as `Chargeback.payment.device` are walked."""

from __future__ import annotations

import numpy as np

from millrace.errors import BadInput
from millrace.expressions import Expr
from millrace.features.attributes import Located, Moments, Table, as_attribute
from millrace.features.interning import NOBODY, Interner
from millrace.features.plan import Keying, Plan, domain
from millrace.features.values import evaluate
from millrace.schema import Field, field_names
from millrace.types import Array, Columns

_SLOTS_FROM = 2**15  # so many ids fit the processor's cache


class Directory:
    """The interners and attribute tables that a plan needs: by domain, and by class."""

    def __init__(self, plan: Plan, many: bool = False) -> None:
        """Make them empty; `many`: whether ids will come by the hundred thousand at a time, most of them again."""
        slots_from = _SLOTS_FROM if many else None
        self.interners: dict[str, Interner] = {name: Interner(slots_from) for name in sorted(_domains(plan))}
        self.tables: dict[type, Table] = {owner: self._table(plan, owner) for owner in plan.attributes}

    def _table(self, plan: Plan, owner: type) -> Table:
        coders = {name: self.interners[domain(Field(owner, name))] for name in plan.leads.get(owner, ())}
        fields = tuple(Field(owner, name) for name in plan.attributes[owner])
        return Table(fields, self.interners[owner.__name__], coders)


def _domains(plan: Plan) -> set[str]:
    keys = {name for state in plan.states.values() for name in state.keying.domains}
    leads = {domain(Field(owner, name)) for owner, names in plan.leads.items() for name in names}
    return keys | leads | {owner.__name__ for owner in plan.attributes}


class Reader:
    """Reads fields of the rows of one class, each once.

    Fields of the rows themselves come from their columns, those behind a reference from the tables: as known at each row's moment.
    """

    def __init__(
        self, rows: Columns, directory: Directory, moments: Moments | None, interning: bool = False, entity: type | None = None
    ) -> None:
        """Read rows.

        Args:
            rows: The columns of events or requests; only `id` when the rows are entities.
            directory: Where references lead.
            moments: As of when attributes are read, per row; None is now.
            interning: Whether ids never seen get codes: true for events, which are facts; false for questions.
            entity: The class of the rows when they are entities: all their fields but `id` are attributes.
        """
        self._rows = rows
        self._directory = directory
        self._moments = moments
        self._interning = interning
        self._entity = entity
        self._codes: dict[str, Array] = {}
        self._located: dict[Field | None, Located] = {}
        self._evaluated: dict[str, tuple[Array, Array]] = {}

    def values(self, field: Field) -> Array:
        """Return a field's column: as the rows have it, or as its attribute is kept (text or None, float64 or NaN)."""
        if field.via is not None:
            if field.name == "id":
                return self.values(field.via)
            return self._directory.tables[field.owner].values(field.name, self._where(field))
        if self._entity is None or field.name == "id":
            return np.asarray(self._own(field))
        return self._directory.tables[field.owner].values(field.name, self._where(field))

    def codes(self, field: Field) -> Array:
        """Return the codes of a field that is a key or leads to one, in its domain; `NOBODY` where it is missing or unknown."""
        found = self._codes.get(field.column)
        if found is None:
            found = self._codes[field.column] = self._coded(field)
        return found

    def evaluate(self, expression: Expr) -> tuple[Array, Array]:
        """Return an expression's value per row, and which values are present."""
        found = self._evaluated.get(expression.column)
        if found is None:
            found = self._evaluated[expression.column] = evaluate(expression, self.values)
        return found

    def keyed(self, keying: Keying) -> tuple[Array, list[Array]]:
        """Return which rows an aggregate counts (every key known, `where` true), and the codes of their keys."""
        codes = [self.codes(key) for key in keying.keys]
        counted = np.logical_and.reduce([column != NOBODY for column in codes])
        if keying.where is not None:
            values, present = self.evaluate(keying.where)
            counted = counted & present & values
        return counted, codes

    def _coded(self, field: Field) -> Array:
        if field.name == "id" and field.via is not None:
            return self.codes(field.via)
        if field.via is not None or (self._entity is not None and field.name != "id"):
            return self._directory.tables[field.owner].codes(field.name, self._where(field))
        interner = self._directory.interners[domain(field)]
        column = as_attribute(field, self._own(field)) if field.kind == "instant" else self._own(field)
        return interner.intern(column) if self._interning else interner.lookup(column)

    def _where(self, field: Field) -> Located:
        found = self._located.get(field.via)
        if found is None:
            table = self._directory.tables[field.owner]
            holders = self.codes(field.via if field.via is not None else Field(field.owner, "id"))
            found = self._located[field.via] = table.locate(holders, self._moments)
        return found

    def _own(self, field: Field) -> Array:
        column = self._rows.get(field.name)
        if column is None:
            known = ", ".join(field_names(field.owner))
            raise BadInput(f"the rows of {field.owner.__name__} have no column {field.name!r}: give all its fields ({known})", field.name)
        return column
