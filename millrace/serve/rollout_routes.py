"""The HTTP API of what serves: where a system stands, and what changes that.

The changes are `promote`, `canary`, `rollback`, `withdraw`, `shadow`, `switch`, `halt` and `resume`.
Who changes something says on which revision they decided that; where somebody else was faster they are refused, and look again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from millrace.errors import BadInput, Conflict, Unavailable
from millrace.serve import changing
from millrace.serve.clock import wall
from millrace.serve.deciding import Decider
from millrace.serve.incoming import body_of
from millrace.serve.outpost import Outpost
from millrace.serve.responding import Endpoint, answered
from millrace.stores.audit import Change
from millrace.stores.halts import CHAMPION, Halt
from millrace.stores.journal import Journal
from millrace.stores.release import Release
from millrace.stores.standing import Standing

PATH = "/v1/rollout"
LATEST = 20
"""How many releases are told of: the latest."""
ANYBODY = "http"
"""Who answers for a change where no key was ever made."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed, and why.

    Attributes:
        why: The reason, for the audit.
        release: Which release to promote, to send out by steps, to switch to, or to let shadow.
        seen: The revision of the standing on which this was decided; neither halting nor resuming asks for it.
        share: Of the units that a shadow is asked for, in (0, 1].
        within: How long an answer may wait for a shadow.
        keep: How long the old release is kept after a switch.
        to: Who answers during a halt: `champion` or `fallback`.
    """

    why: str
    release: str = ""
    seen: int | None = None
    share: float = 0.1
    within: str = "100ms"
    keep: str = "1h"
    to: str = CHAMPION


class RolloutState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a system stands.

    Attributes:
        standing: Champion, rollout, and who brought it there when and why; a change wants its `revision` as `seen`.
        halt: The halt that the system is under; null where it is under none.
        releases: The latest releases, oldest first: what can be promoted.
        verdict: What the guard wrote down last about the rollout under way; null before that, and where none is. Each of its `tests` tells
            `odds`, the evidence against "no worse" as `millrace status` shows it, and the `odds_needed` to take the canary back;
            `evidence` and `bar` are the natural logarithms of these.
        owed: What could not be written down yet; "" when all is.
    """

    standing: Standing
    halt: Halt | None
    releases: list[Release]
    verdict: dict[str, Any] | None
    owed: str = ""


CLASSES = [Asked, RolloutState]
"""What the OpenAPI paths refer to."""


class RolloutRoutes:
    """What the routes answer.

    Args:
        decider: Whose releases they are; it installs what was changed at once, other processes within seconds.
    """

    def __init__(self, decider: Decider) -> None:
        self._decider = decider
        self._releases = decider.home.releases

    def routes(self) -> list[tuple[str, str, Endpoint]]:
        """Return (method, path, endpoint) of each."""
        changes = {
            "promote": self._promote,
            "canary": self._canary,
            "rollback": self._rollback,
            "withdraw": self._withdraw,
            "shadow": self._shadow,
            "switch": self._switch,
            "halt": self._halt,
            "resume": self._resume,
        }
        return [("GET", PATH, self.show), *(("POST", f"{PATH}/{name}", partial(self._change, act)) for name, act in changes.items())]

    async def show(self, _: Request) -> Response:
        """Say where the system stands."""
        return answered(await run_in_threadpool(self._state))

    def _state(self, owed: str = "") -> RolloutState:
        name, halt = self._decider.loaded.name, self._decider.home.halts.now(self._decider.loaded.name)
        try:
            standing, releases = self._releases.standing(name), self._releases.of(name)
        except Unavailable as error:
            if halt is None:
                raise
            return RolloutState(standing=self._decider.standing, halt=halt, releases=[], verdict=None, owed=owed or str(error))
        verdict = None
        if standing.rollout is not None:
            runs = Journal(self._decider.home.database).runs(name, kind="rollout")
            verdict = next((run.data.get("verdict") for run in reversed(runs) if run.data.get("release") == standing.candidate), None)
        return RolloutState(standing=standing, halt=halt, releases=releases[-LATEST:], verdict=verdict, owed=owed)

    async def _change(self, act: Callable[[Asked, Change], str | None], request: Request) -> Response:
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise BadInput("a change is sent as application/json, which no web page can do behind somebody's back: say so in Content-Type")
        body = await body_of(request)
        try:
            asked = msgspec.json.decode(body, type=Asked)
        except msgspec.ValidationError as error:
            reason, _, path = str(error).partition(" - at `$.")
            raise BadInput(f"the change is wrong: {reason[:1].lower()}{reason[1:]}", field=path.rstrip("`")) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadInput(f"the body is no JSON: {error}") from None
        who = request.scope.get("millrace.who") or ANYBODY
        return answered(await run_in_threadpool(self._changed, act, asked, str(who)))

    def _changed(self, act: Callable[[Asked, Change], str | None], asked: Asked, who: str) -> RolloutState:
        if isinstance(self._decider.home, Outpost):
            raise Unavailable("this is a replica with a copy of the releases: ask the server that owns the log")
        owed = act(asked, Change(wall(), who, asked.why)) or ""
        self._decider.reload()
        return self._state(owed)

    def _seen(self, asked: Asked) -> Standing:
        if asked.seen is None:
            raise BadInput(f"say on which revision this was decided: GET {PATH} shows it, send it as seen", field="seen")
        standing = self._releases.standing(self._decider.loaded.name)
        if standing.revision != asked.seen:
            now = f"{standing.system} is at revision {standing.revision} ({standing.action} by {standing.who}: {standing.why})"
            raise Conflict(f"{now}, not {asked.seen}: look again")
        return standing

    def _release(self, asked: Asked) -> str:
        if not asked.release:
            raise BadInput(f"say which release: GET {PATH} lists them", field="release")
        return asked.release

    def _promote(self, asked: Asked, change: Change) -> None:
        self._releases.promote(self._seen(asked), self._release(asked), change)

    def _canary(self, asked: Asked, change: Change) -> None:
        changing.canary(self._decider.loaded, self._releases, self._seen(asked), self._release(asked), change)

    def _rollback(self, asked: Asked, change: Change) -> None:
        changing.go_back(self._releases, self._seen(asked), change)

    def _withdraw(self, asked: Asked, change: Change) -> None:
        self._releases.withdraw(self._seen(asked), change)

    def _shadow(self, asked: Asked, change: Change) -> None:
        changing.shadow(self._decider.loaded, self._releases, self._seen(asked), self._release(asked), change, asked.share, asked.within)

    def _switch(self, asked: Asked, change: Change) -> None:
        changing.switch(self._releases, self._seen(asked), self._release(asked), change, asked.keep)

    def _halt(self, asked: Asked, change: Change) -> str:
        return changing.halt(self._decider.loaded, self._decider.home, asked.to, change)[1]

    def _resume(self, _: Asked, change: Change) -> str:
        return changing.resume(self._decider.loaded, self._decider.home, change)[1]


def paths(ref: Callable[[str], dict[str, Any]], post: Callable[..., dict[str, Any]], get: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Return the OpenAPI paths.

    Args:
        ref: Returns a reference to the schema of a class, by the class's name.
        post: Returns an operation of name, summary, body, answer and refusals.
        get: Returns one of name, summary and answer.
    """
    said = {
        "promote": "Let a release serve everyone",
        "canary": "Send a release out by the steps declared, watched by the guard",
        "rollback": "Go back to the release that served before",
        "withdraw": "End the rollout under way",
        "shadow": "Ask a release as well on a share of the units; it never answers",
        "switch": "Let a release answer everybody at once, the old one kept for an instant return",
        "halt": "Send all requests to the champion, or to the fallback",
        "resume": "Let a halted system go on",
    }
    body, answer = ref("Asked"), ref("RolloutState")
    found = {f"{PATH}/{name}": {"post": post(name, summary, body, answer, "404")} for name, summary in said.items()}
    return {PATH: {"get": get("rollout", "Where the system stands", "RolloutState")}, **found}
