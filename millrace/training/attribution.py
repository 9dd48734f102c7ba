"""Outcomes attributed to decisions: delayed, sometimes unseeable, never counted twice."""

from __future__ import annotations

import numpy as np

from millrace.errors import DeclarationError
from millrace.models.declare import Outcome
from millrace.schema import Field, references
from millrace.types import EVER, Array, Columns, size


def join_keys(outcome: Outcome, request: type, candidate: type | None) -> list[tuple[str, str]]:
    """Return the (row column, event field) pairs that must be equal for an event to belong to a row.

    An event that refers to the request needs nothing else but, where it names one, the candidate. Any other must name the candidate
    and agree with the request on every reference that both have.

    Raises:
        DeclarationError: The event does not say what it is about.
    """
    keys: list[tuple[str, str]] = []
    own = {field.refers_to: field for field in references(request)}
    for field in references(outcome.stream):
        if field.refers_to is request:
            keys.append(("id", field.name))
        elif candidate is not None and field.refers_to is candidate:
            keys.append(("candidate", field.name))
        elif field.refers_to in own:
            keys.append((own[field.refers_to].name, field.name))
    columns = [column for column, _ in keys]
    if "id" not in columns and (candidate is None or "candidate" not in columns):
        about = request if candidate is None else candidate
        raise DeclarationError(f"{outcome.column}: {outcome.stream.__name__} does not say which {about.__name__} it is about")
    return [pair for pair in keys if pair[0] in ("id", "candidate")] if "id" in columns else keys


def label(outcome: Outcome, rows: Columns, events: Columns, keys: list[tuple[str, str]], horizon: int, start: Array | None = None) -> Array:
    """Return each row's label, as known at the horizon; NaN where it cannot be known.

    An event belongs to the latest row it fits whose time had begun when it happened, and which was not decided when it was known
    already: a request may reach us late, and what its features have counted is not what it led to. A row is labelled only when its
    time is over before the horizon, and only if its action let the outcome be seen: what is still open is neither positive nor
    negative.

    Args:
        outcome: What to look for.
        rows: `id`, `at`, `watermark`, `action`, `candidate` and the request's fields, a row per candidate taken. Shape (n,) each.
        events: The outcome's stream: `at`, `known` and its fields.
        keys: From `join_keys`.
        horizon: What was known before this instant counts, microseconds.
        start: When each row's time begins; the row's `at` when not given. Microseconds, shape (n,).

    Returns:
        Labels, float64, shape (n,).
    """
    begins = rows["at"] if start is None else start
    value = _values(outcome, events)
    usable = (events["known"] < horizon) & ~np.isnan(value)
    owner = _owners(rows, events, keys, begins)
    usable &= owner >= 0
    usable[usable] = events["at"][usable] <= begins[owner[usable]] + outcome.window
    order = np.flatnonzero(usable)
    order = order[np.argsort(events["known"][order], kind="stable")]
    out = _take(outcome.take, owner[order], value[order], size(rows))
    seen = np.ones(len(out), dtype=bool) if outcome.seen_if is None else np.isin(rows["action"].astype(str), outcome.seen_if)
    out[~(seen & (begins + outcome.window < horizon))] = np.nan
    return out


def _values(outcome: Outcome, events: Columns) -> Array:
    if outcome.value is None:
        return np.ones(size(events))
    return np.asarray(outcome.value.evaluate(lambda field: events[field.name]), dtype=np.float64)


def _owners(rows: Columns, events: Columns, keys: list[tuple[str, str]], begins: Array) -> Array:
    """Return the position of the latest row that each event fits and that had begun by then, -1 for none."""
    if size(rows) == 0 or size(events) == 0:
        return np.full(size(events), -1)
    row_key, event_key = _codes([rows[row] for row, _ in keys], [events[event] for _, event in keys])
    order = np.lexsort((begins, row_key))
    instants = np.unique(begins)
    width = len(instants) + 1
    ranked = row_key[order] * width + np.searchsorted(instants, begins[order])
    wanted = event_key * width + np.searchsorted(instants, events["at"], side="right") - 1
    found = np.searchsorted(ranked, wanted, side="right") - 1
    decided = rows.get("watermark", np.full(len(begins), EVER))
    while True:
        owner = order[np.maximum(found, 0)]
        fits = (found >= 0) & (row_key[owner] == event_key) & (begins[owner] <= events["at"])
        early = fits & (events["known"] < decided[owner])
        if not early.any():
            return np.where(fits, owner, -1)
        found[early] -= 1  # to the row before


def _codes(rows: list[Array], events: list[Array]) -> tuple[Array, Array]:
    """Return one integer per row and per event; equal integers mean that all their keys are equal."""
    import pyarrow as pa

    n = len(rows[0])
    code = np.zeros(n + len(events[0]), dtype=np.int64)
    for row, event in zip(rows, events, strict=True):
        coded = pa.chunked_array([pa.array(row, pa.string()), pa.array(event, pa.string())]).combine_chunks().dictionary_encode()
        # A missing key fits nothing, not even another missing key.
        part = coded.indices.fill_null(-1).to_numpy()
        _, code = np.unique(np.where((part < 0) | (code < 0), -1, code * (len(coded.dictionary) + 1) + part), return_inverse=True)
        code = np.where(part < 0, -1, code)
    return np.where(code[:n] < 0, -2, code[:n]), code[n:]


def _take(how: str, owner: Array, value: Array, n: int) -> Array:
    """Reduce the values of each row's events, given in the order they became known."""
    if how == "last":
        out = np.full(n, np.nan)
        out[owner] = value  # the last assignment to a row stands
        return out
    if how == "any":
        out = np.zeros(n)
        np.maximum.at(out, owner, (value != 0).astype(np.float64))
        return out
    totals = np.bincount(owner, weights=value, minlength=n).astype(np.float64)
    if how == "sum":
        return totals
    counts = np.bincount(owner, minlength=n)
    return np.divide(totals, counts, out=np.full(n, np.nan), where=counts > 0)


def after(outcome: Outcome, features: Columns) -> Array | None:
    """Return when each row's time begins, if the outcome runs from an attribute of the candidate. Microseconds, shape (n,)."""
    field: Field | None = outcome.after
    return None if field is None else features[field.column]
