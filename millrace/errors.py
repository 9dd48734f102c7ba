"""The errors a user can meet. Each message names the declaration, the rule and the remedy."""


class MillraceError(Exception):
    """Anything Millrace refuses to do, said in one sentence the user can act on."""


class DeclarationError(MillraceError):
    """A user's module is wrong: where, which rule, what to write instead."""


class BadInput(MillraceError):
    """A caller's data is wrong; `field` names the part of it that is, so that an API can answer 422."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NotFound(MillraceError):
    """Something was asked for by a name or an id that nothing has."""


class Conflict(MillraceError):
    """The request contradicts what is already recorded (an id reused with other content, a version that exists)."""


class Late(MillraceError):
    """A source, store or model did not answer within its deadline; the decision goes on without it."""


class TrainingError(MillraceError):
    """A model cannot be trained on what the log holds; the message says what is missing."""


class Unavailable(MillraceError):
    """The service cannot answer now and says so; `retry_after_s` is when to try again, in seconds."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class MissingExtra(MillraceError):
    """An optional dependency is not installed; the message names the extra that brings it."""


def brief(value: object) -> str:
    """Return a value as a message shows it: a class by its name, a feature by its column, a declaration by its kind."""
    if isinstance(value, type):
        return value.__name__
    column = getattr(value, "column", None)
    if isinstance(column, str):
        return column
    return f"{type(value).__name__}(...)" if hasattr(value, "__dataclass_fields__") else repr(value)
