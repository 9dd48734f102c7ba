"""What one model has learned about who asks and a candidate, as a feature of another model."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from millrace.errors import DeclarationError, brief
from millrace.features.learned import Learned
from millrace.models.declare import Model, Pairs
from millrace.models.learner import CANDIDATE, QUERY
from millrace.schema import Field, Request, references, stream_of


def affinity(model: Any, *, by: Any) -> Learned:
    """Declare how near a candidate is to who asks, as a model that recalls has learned it: `affinity(nearby, by=Refresh.viewer)`.

    A decision reads the version that serves it, and records the value. Rows without a recorded value read the version that served then:
    a later one has seen what came of them. So it is missing before the first release, and a model learns to use it from the second on.
    The single coordinates of the vectors are no features: every training turns them another way, and only their product keeps its meaning.

    Args:
        model: A model whose versions can recall, such as one with `ALS()`.
        by: The request's reference to who asks.

    Raises:
        DeclarationError: The model recalls nothing, or it is not said which candidate its pairs have.
    """
    if not isinstance(model, Model) or not isinstance(model.examples, Pairs) or not getattr(model.learner, "recalls", False):
        raise DeclarationError(f"affinity({brief(model)}): not a model that recalls; pass one such as Model(..., learner=ALS())")
    if not (isinstance(by, Field) and by.refers_to is not None and issubclass(by.owner, Request)):
        raise DeclarationError(f"affinity(by={brief(by)}): not a reference of the Request; name who asks, such as Refresh.viewer")
    candidate = Field(_candidate(model.examples, by), "id")
    inputs = ((QUERY, by), (CANDIDATE, candidate), *((one.column, one) for one in model.features))
    return Learned(model, model.heads[0], inputs, f"affinity@{_digest(model)}({by.column}, {candidate.column})")


def _candidate(pairs: Pairs, by: Field) -> Any:
    """Return the class of the candidates of pairs: what they are said to be, or what else than who asks their event refers to."""
    if pairs.candidate is not None:
        return pairs.candidate.refers_to
    stream = stream_of(pairs.positive)
    others = {field.refers_to for field in references(stream)} - {by.refers_to}
    if len(others) != 1:
        name = stream.__name__
        raise DeclarationError(
            f"affinity(by={by.column}): {name} refers to {len(others)} others: say which, Pairs(..., candidate={name}.…)"
        )
    return others.pop()


def _digest(model: Model) -> str:
    """Return 10 hex digits that change with what the model learns, from what, and how."""
    pairs: Any = model.examples
    events = pairs.positive.__name__ if isinstance(pairs.positive, type) else pairs.positive.column
    fields = [field.column for field in (pairs.query, pairs.candidate) if field is not None]
    read = [one.column for one in model.features]
    said = repr((model.heads, events, fields, read, repr(model.learner)))
    return blake2b(said.encode(), digest_size=5).hexdigest()
