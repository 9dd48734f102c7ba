"""Artworks for videos: viewers whose taste in moods drifts and once turns, clicks that come late, and new artworks every day."""

from __future__ import annotations

import numpy as np

from millrace.errors import BadInput, Conflict
from millrace.types import SECOND, Array, Columns, size
from millrace.worlds.chance import Chance
from millrace.worlds.delivery import Delivery
from millrace.worlds.ledger import Ledger
from millrace.worlds.naming import names, numbers, require
from millrace.worlds.thumbnails_appeal import Appeal
from millrace.worlds.thumbnails_cards import ROWS, Cards
from millrace.worlds.thumbnails_gallery import Gallery
from millrace.worlds.thumbnails_reactions import clicks, watches
from millrace.worlds.thumbnails_viewers import viewers as draw_viewers
from millrace.worlds.world import START

_WORD = {"Click": Delivery(median=2 * SECOND), "Watch": Delivery()}
_IDS = {"viewer": "v", "video": "x", "artwork": "a"}


class ThumbnailsWorld:
    """Viewers see cards of videos, each with one of its artworks; the reward is a click.

    Streams: Viewer(id, country), Video(id, topic), Artwork(id, video, mood, image), Click(id, viewer, artwork),
    Watch(id, viewer, video, seconds). Requests: Card(id, at, viewer, video, row). One artwork is shown for each card.

    Hidden: each viewer, and each country a little, is drawn by some moods and looks; artworks differ in quality; further down the page
    contrast counts and clicks are fewer; moods come into and go out of fashion over weeks. At the change the countries' tastes turn and
    three viewers in four move to other moods. Most clicks come within a minute, a quarter only when viewers come back, up to ten hours
    later. Who was promised a mood that the video does not have soon stops watching: most clicks are not most watching.

    Args:
        seed: Whose world it is. Equal arguments make equal worlds.
        start: The first instant, in microseconds since 1970 UTC.
        viewers, videos: How many there are.
        artworks: How many each video has at the start.
        artworks_per_day: New artworks each day, of any videos.
        requests_per_day: Cards expected each day.
        later: Share of the clicks that come more than ten minutes after the card, in [0, 1].
        change_at: When tastes turn, in microseconds since 1970 UTC; None: never.
        luck: Another number draws other reactions in the same world, of the same people to the same cards.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        start: int = START,
        viewers: int = 400,
        videos: int = 40,
        artworks: int = 5,
        artworks_per_day: int = 4,
        requests_per_day: int = 4_000,
        later: float = 0.25,
        change_at: int | None = None,
        luck: int = 0,
    ) -> None:
        chance = Chance(seed)
        people = draw_viewers(chance, viewers)
        gallery = Gallery(chance, start, videos, artworks, artworks_per_day)
        self.start = start
        self._appeal = Appeal(people, gallery, start, change_at)
        self._cards = Cards(chance, start, people.activity, gallery.popularity, requests_per_day)
        self._later = later
        self._luck = chance.other(luck)
        self._ledger = Ledger()
        self._answered: set[int] = set()

    def happenings(self, since: int, until: int) -> dict[str, Columns]:
        """Return what becomes known in [since, until), by stream; see `World.happenings`."""
        told = {**self._entities(since, until), **{name: self._events(name, since, until) for name in _WORD}}
        self._ledger.close(until)
        return {name: rows for name, rows in told.items() if size(rows)}

    def requests(self, since: int, until: int) -> Columns:
        """Return the cards shown in [since, until): `id`, `at`, `viewer`, `video`, `row`, in order of `at`."""
        rows = self._cards.between(since, until)
        return {
            "id": names("r", rows["number"]),
            "at": rows["at"],
            "viewer": names("v", rows["viewer"]),
            "video": names("x", rows["video"]),
            "row": rows["row"],
        }

    def react(self, decided: Columns) -> None:
        """Let viewers look at the artwork of their card, and schedule what they do; see `World.react`. `rank`, `action` are not read."""
        shown = self._shown(decided)
        number = shown["number"].tolist()
        self._ledger.admit(shown["at"])
        again = self._answered.intersection(number)
        if again or len(set(number)) < len(number):
            raise Conflict("a card shows one artwork, once: pass one row for each request, in one call")
        clicked = clicks(shown, self._chance_of(shown), self._later, self._luck)
        artwork = clicked["artwork"]
        video = self._appeal.gallery.artworks["video"][artwork]
        watched = watches(clicked, video, self._appeal.seconds(artwork), self._luck)
        self._ledger.add("Click", _WORD["Click"].deliver(clicked, self._luck, "Click"))
        self._ledger.add("Watch", _WORD["Watch"].deliver(watched, self._luck, "Watch"))
        self._answered.update(number)

    def value(self, decided: Columns) -> Array:
        """Return the chance that each row's artwork is clicked, whenever that is. Shape (rows,)."""
        return self._chance_of(self._shown(decided))

    def seconds(self, decided: Columns) -> Array:
        """Return how many seconds each row's artwork brings on average, clicks that never come among them. Shape (rows,)."""
        shown = self._shown(decided)
        return self._chance_of(shown) * self._appeal.seconds(shown["artwork"])

    def ideal(self, requests: Columns, tastes_at: int | None = None) -> Columns:
        """Return the artworks most likely to be clicked: rows as `react` and `value` take them.

        Args:
            requests: Rows as `requests` returns them.
            tastes_at: Judge by the tastes of this instant instead of the request's own, as a model that never learns again would.
        """
        at = np.asarray(requests["at"])
        viewer = numbers("v", requests["viewer"], below=len(self._appeal.viewers))
        row, artwork = self._appeal.gallery.of(numbers("x", requests["video"], below=len(self._appeal.gallery.mood)), at)
        as_of = at[row] if tastes_at is None else np.full(len(row), tastes_at)
        likely = self._appeal.clicked(viewer[row], artwork, np.asarray(requests["row"])[row], at[row], as_of)
        order = np.lexsort((-likely, row))
        best = artwork[order[np.searchsorted(row, np.arange(len(at)))]]
        asked = {name: column for name, column in requests.items() if name != "id"}
        return {"request": requests["id"], **asked, "candidate": names("a", best), "rank": np.zeros(len(at), np.int64)}

    def best(self, requests: Columns, n: int = 1) -> Array:
        """Return the chance of a click on the best artwork that each card's video has by then. Shape (requests,). `n` is not read."""
        return self.value(self.ideal(requests))

    def _shown(self, decided: Columns) -> dict[str, Array]:
        """Return decided rows as numbers, checked: `number`, `at`, `viewer`, `row`, `artwork`."""
        require(decided, ("request", "at", "viewer", "video", "row", "candidate"))
        gallery, at = self._appeal.gallery, np.asarray(decided["at"], np.int64)
        made = gallery.until(int(at.max())) if len(at) else 0
        artwork = numbers("a", decided["candidate"], below=len(gallery.artworks["video"]))
        strange = np.flatnonzero(gallery.artworks["video"][artwork] != numbers("x", decided["video"], below=len(gallery.mood)))
        if len(strange):
            at_fault = decided["candidate"][strange[0]]
            raise BadInput(f"{at_fault} is no artwork of {decided['video'][strange[0]]}: show one of its own", field="candidate")
        early = np.flatnonzero((artwork >= made) | (gallery.artworks["made_at"][artwork] > at))
        if len(early):
            raise BadInput(f"{decided['candidate'][early[0]]} was shown before it was made: wait until it is known", field="candidate")
        row = np.asarray(decided["row"], np.int64)
        if ((row < 0) | (row >= ROWS)).any():
            raise BadInput(f"a page has rows 0 to {ROWS - 1}: pass the request's own", field="row")
        viewer = numbers("v", decided["viewer"], below=len(self._appeal.viewers))
        return {"number": numbers("r", decided["request"]), "at": at, "viewer": viewer, "row": row, "artwork": artwork}

    def _chance_of(self, shown: Columns) -> Array:
        return self._appeal.clicked(shown["viewer"], shown["artwork"], shown["row"], shown["at"], shown["at"])

    def _entities(self, since: int, until: int) -> dict[str, Columns]:
        """Return the viewers, videos and artworks that become known in [since, until)."""
        gallery = self._appeal.gallery
        last = gallery.until(until - 1)
        first = gallery.until(since - 1) if since > self.start else 0
        told: dict[str, Columns] = {}
        if since <= self.start < until:
            told = {"Viewer": self._appeal.viewers.rows(), "Video": gallery.videos()}
        told = {name: self._known(rows, np.full(size(rows), self.start)) for name, rows in told.items()}
        return {**told, "Artwork": self._known(gallery.rows(first, last), gallery.artworks["made_at"][first:last])}

    def _known(self, rows: Columns, known: Array) -> Columns:
        return {"id": rows["id"], "at": known, "known": known, **{name: column for name, column in rows.items() if name != "id"}}

    def _events(self, name: str, since: int, until: int) -> Columns:
        """Return the events of a stream that become known in [since, until), numbers turned into ids."""
        rows = self._ledger.between(name, since, until)
        if not rows:
            return {}
        fields = {field: names(_IDS[field], column) if field in _IDS else column for field, column in rows.items() if field != "key"}
        return {"id": names(name[0].lower(), rows["key"]), **fields}
