"""A short-video feed: viewers with hidden tastes who tire, uploads every day, and a day when tastes change."""

from __future__ import annotations

import numpy as np

from millrace.errors import Conflict
from millrace.types import DAY, SECOND, Array, Columns, objects, size, stack
from millrace.worlds.chance import Chance
from millrace.worlds.delivery import Delivery
from millrace.worlds.feed_appeal import DEVICES, Appeal, likelihood, looking, moods
from millrace.worlds.feed_catalogue import TOPICS, Catalogue
from millrace.worlds.feed_ideal import ideal
from millrace.worlds.feed_memory import Memory
from millrace.worlds.feed_reactions import follows, likes, reactions, watches
from millrace.worlds.feed_searches import searches
from millrace.worlds.feed_slates import Slates, log_odds, slates
from millrace.worlds.feed_viewers import viewers as draw_viewers
from millrace.worlds.feed_visits import Visits
from millrace.worlds.ledger import Ledger
from millrace.worlds.naming import names, numbers
from millrace.worlds.world import START

_WORD = {"Watch": Delivery(), "Like": Delivery(median=2 * SECOND), "Follow": Delivery(median=2 * SECOND)}


class FeedWorld:
    """Viewers refresh a feed and watch what they are shown; the reward is a video watched to its end.

    Streams: Viewer(id, country), Creator(id, country), Video(id, creator, topic, title, uploaded_at), Watch(id, viewer, video, seconds,
    completed), Like(id, viewer, video), Follow(id, viewer, creator). Requests: Refresh(id, at, viewer, device, limit).

    Hidden: each viewer cares about two or three topics and has a taste no field shows; videos differ in quality and character, creators
    in reputation. Fresh uploads are wanted most. Whoever looked at a place looks at the next with a chance of about 0.9; what is not
    looked at leaves no Watch, nor does most of what is swiped away at once. Having seen much of a topic within hours, or the same video
    within days, one wants it less. Some watches come from searches, not from the feed. At the shock three viewers in four move to other
    topics, the three topics most in favour collapse, the three least in favour become the fashion, and being fresh hardly counts any more.

    Args:
        seed: Whose world it is. Equal arguments make equal worlds.
        start: The first instant, in microseconds since 1970 UTC.
        viewers, videos, creators: How many there are at the start.
        uploads_per_day: New videos each day.
        requests_per_day: Refreshes expected each day.
        sitting: How many refreshes a viewer makes in one sitting, on average, some minutes apart. At 1 they are on their own, and a
            loop may answer half an hour of them at once; above 1 it should cut time finer, or it answers without knowing the last one.
        searches_per_day: Watches expected each day that no request led to.
        slate: The `limit` that requests carry.
        shock_at: When tastes change, in microseconds since 1970 UTC; None: never.
        luck: Another number draws other reactions in the same world, of the same people to the same requests.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        start: int = START,
        viewers: int = 600,
        videos: int = 1_500,
        creators: int = 150,
        uploads_per_day: int = 40,
        requests_per_day: int = 3_000,
        sitting: float = 1.0,
        searches_per_day: int = 1_500,
        slate: int = 10,
        shock_at: int | None = None,
        luck: int = 0,
    ) -> None:
        chance = Chance(seed)
        people = draw_viewers(chance, viewers, len(TOPICS))
        catalogue = Catalogue(chance, start, videos, uploads_per_day, creators)
        self.start = start
        self._chance = chance
        self._slate = slate
        self._appeal = Appeal(people, catalogue, moods(chance), shock_at)
        self._visits = Visits(chance, start, people, requests_per_day, sitting)
        self._searches_per_day = searches_per_day
        self._searched = 0
        self._luck = chance.other(luck)
        self._memory = Memory(viewers)
        self._ledger = Ledger()
        self._answered: set[int] = set()
        self._following: set[tuple[int, int]] = set()

    def happenings(self, since: int, until: int) -> dict[str, Columns]:
        """Return what becomes known in [since, until), by stream; see `World.happenings`."""
        self._search(until)
        told = {**self._entities(since, until), **{name: self._events(name, since, until) for name in _WORD}}
        self._ledger.close(until)
        return {name: rows for name, rows in told.items() if size(rows)}

    def requests(self, since: int, until: int) -> Columns:
        """Return the refreshes made in [since, until): `id`, `at`, `viewer`, `device`, `limit`, in order of `at`."""
        visits = self._visits.between(since, until)
        return {
            "id": names("r", visits["number"]),
            "at": visits["at"],
            "viewer": names("v", visits["viewer"]),
            "device": objects(DEVICES[device] for device in visits["device"]),
            "limit": np.full(len(visits["at"]), self._slate, np.int64),
        }

    def react(self, decided: Columns) -> None:
        """Let viewers look at what they were shown, and schedule what they do; see `World.react`. `action` is not read."""
        shown = slates(decided, self._appeal)
        self._admit(shown)
        drawn: list[tuple[Columns, Columns, Columns]] = [self._turn(turn) for turn in shown.turns()]
        for name, parts in zip(_WORD, zip(*drawn, strict=True), strict=False):
            self._ledger.add(name, _WORD[name].deliver(stack(parts), self._luck, name))
        self._answered.update(shown.number.tolist())

    def value(self, decided: Columns) -> Array:
        """Return the chance that each row is watched to its end, given its place and all above it. Shape (rows,).

        What a viewer has looked at counts as of the request, so it may be asked before or after `react`. Rows of one request belong
        together: a row on its own is valued as if nothing stood above it.
        """
        out = np.empty(size(decided))
        for shown in slates(decided, self._appeal).parts():
            expected = looking(shown.device[:, None], shown.rank) * likelihood(log_odds(shown, self._appeal, self._memory))
            out[shown.row[shown.shown]] = expected[shown.shown]
        return out

    def ideal(self, requests: Columns, n: int, tastes_at: int | None = None) -> Columns:
        """Return the slates that whoever knows the truth would show: rows as `react` and `value` take them.

        Greedy from the top down, so only nearly optimal.

        Args:
            requests: Rows as `requests` returns them.
            n: How many places. At least one; no more than there are videos.
            tastes_at: Judge by the tastes of this instant instead of the request's own, as a model that never learns again would.
        """
        order = np.argsort(requests["at"], kind="stable")
        at = np.asarray(requests["at"])[order]
        viewer = numbers("v", requests["viewer"][order], below=len(self._appeal.viewers))
        era = self._appeal.era(at if tastes_at is None else np.full(len(at), tastes_at))
        best = np.empty((len(at), n), np.int64)
        best[order] = ideal(self._appeal, self._memory, viewer, at, era, n)
        asked = {name: np.repeat(column, n) for name, column in requests.items() if name != "id"}
        rank = np.tile(np.arange(n), len(at))
        return {"request": np.repeat(requests["id"], n), **asked, "candidate": names("x", best.ravel()), "rank": rank}

    def best(self, requests: Columns, n: int) -> Array:
        """Return how many finished videos the `ideal` slate of `n` places would bring to each request. Shape (requests,)."""
        return self.value(self.ideal(requests, n)).reshape(-1, n).sum(axis=1)

    def _admit(self, shown: Slates) -> None:
        """Refuse slates that cannot be reacted to, before anything is changed."""
        self._ledger.admit(shown.at)
        self._memory.admit(shown.viewer, shown.at)
        again = self._answered.intersection(shown.number.tolist())
        if again:
            raise Conflict(f"the request 'r{min(again)}' was already reacted to: pass all rows of a request once, in one call")

    def _turn(self, shown: Slates) -> tuple[Columns, Columns, Columns]:
        """Draw the reactions to slates of different viewers, and let the viewers remember them."""
        drawn = reactions(shown, log_odds(shown, self._appeal, self._memory), self._appeal, self._luck)
        for row in np.flatnonzero(drawn.looked.any(axis=1)):
            self._memory.look(int(shown.viewer[row]), int(shown.at[row]), shown.video[row][drawn.looked[row]])
        return (
            watches(shown, drawn),
            likes(shown, drawn, self._luck),
            follows(shown, drawn, self._appeal, self._luck, self._following),
        )

    def _search(self, until: int) -> None:
        """Schedule the watches that viewers find by themselves, for the days that begin before an instant."""
        while self.start + self._searched * DAY < until:
            found = searches(self._appeal, self._chance, self.start, self._searched, self._searches_per_day)
            self._ledger.add("Watch", _WORD["Watch"].deliver(found, self._chance, "Watch"))
            self._searched += 1

    def _entities(self, since: int, until: int) -> dict[str, Columns]:
        """Return the viewers, creators and videos that become known in [since, until)."""
        catalogue, begins = self._appeal.catalogue, since <= self.start < until
        last = catalogue.until(until)
        first = catalogue.until(since) if since > self.start else 0
        people = {"Viewer": self._appeal.viewers.rows(), "Creator": catalogue.creators()} if begins else {}
        told = {name: self._known(rows, np.full(size(rows), self.start)) for name, rows in people.items()}
        if until > self.start:
            videos = catalogue.rows(first, last)
            told["Video"] = self._known(videos, np.maximum(videos["uploaded_at"], self.start))
        return told

    def _known(self, rows: Columns, known: Array) -> Columns:
        return {"id": rows["id"], "at": known, "known": known, **{name: column for name, column in rows.items() if name != "id"}}

    def _events(self, name: str, since: int, until: int) -> Columns:
        """Return the events of a stream that become known in [since, until), numbers turned into ids."""
        rows = self._ledger.between(name, since, until)
        if not rows:
            return {}
        kinds = {"viewer": "v", "video": "x", "creator": "c"}
        fields = {field: names(kinds[field], column) if field in kinds else column for field, column in rows.items() if field != "key"}
        return {"id": names(name[0].lower(), rows["key"]), **fields}
