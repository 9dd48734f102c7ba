"""Releases and which of them serves: the champion of a system, and the candidate being rolled out beside it.

A system's standing changes only by compare-and-swap: every method that changes it takes the standing it was decided on, and refuses when
another change has come in between. So of two controllers that saw the same, one acts and the other looks again.

Public: `Releases` (`create`, `get`, `of`, `standing`, `roll_out`, `promote`, `update`, `withdraw`, `roll_back`, `history`, `champion_at`).

    release = releases.create("feed", {"ranker": record.version}, system_hash, {}, change)
    seen = releases.standing("feed")
    seen = releases.roll_out(seen, Rollout(release=release.id, step=0, share=0.01, started=now), change)
    seen = releases.promote(seen, release.id, change)
    seen = releases.roll_back(seen, change)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from millrace.errors import BadInput, Conflict
from millrace.stores.audit import Change, accountable, record
from millrace.stores.database import Database
from millrace.stores.plain import checked, stored
from millrace.stores.release import Release, content, drafted, find, insert, one, refuse_strangers
from millrace.stores.stages import follow
from millrace.stores.standing import Rollout, Standing, champions, sound

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select


class Releases:
    """The releases of a database and the standing of each system."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._standings = database.tables["standings"]

    def create(
        self, system: str, versions: Mapping[str, str], system_hash: str, thresholds: Mapping[str, float], change: Change
    ) -> Release:
        """Make a release; what serves with the same versions, thresholds and declaration is the same release, made once.

        Args:
            system: The system it is for.
            versions: A registered version of each model.
            system_hash: The hash of the system as declared.
            thresholds: The score from which each rule acts, by the rule's column; infinity for never.
            change: When it is made, who answers for it and why.

        Raises:
            NotFound: A version is not registered.
            BadInput: A version is another model's, a threshold is not a number, or the change does not say who and why.
        """
        from sqlalchemy import func, select

        change = accountable(change)
        draft = drafted(system, versions, system_hash, thresholds, change.at)
        name = content(draft)
        releases = self._database.tables["releases"]
        with self._database.transaction() as connection:
            same = find(connection, self._database, (releases.c.system == system) & (releases.c.content == name))
            if same:
                return same[0]
            refuse_strangers(connection, self._database, draft.versions)
            number = connection.scalars(select(func.count()).select_from(releases)).one() + 1
            release = msgspec.structs.replace(draft, id=f"r{number:04d}-{name[:6]}")
            insert(connection, self._database, release, number)
            after = {**msgspec.to_builtins(release), "thresholds": {rule: str(score) for rule, score in release.thresholds.items()}}
            record(connection, self._database, change, "create", release.id, None, after)
        return release

    def get(self, release: str) -> Release:
        """Return a release.

        Raises:
            NotFound: There is no such release.
        """
        with self._database.reading() as connection:
            return one(connection, self._database, release)

    def of(self, system: str) -> list[Release]:
        """Return the releases of a system, oldest first."""
        with self._database.reading() as connection:
            return find(connection, self._database, self._database.tables["releases"].c.system == system)

    def standing(self, system: str) -> Standing:
        """Return where a system stands now; revision 0, with neither champion nor candidate, if nothing was ever released."""
        with self._database.reading() as connection:
            return self._now(connection, system)

    def history(self, system: str) -> list[Standing]:
        """Return every standing a system has had, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(self._of(system).order_by(self._standings.c.revision)).mappings()
            return [stored(row, Standing) for row in rows]

    def champion_at(self, system: str, at: int) -> Release | None:
        """Return the release that was champion at an instant, or None before the first; a change counts from its own instant on.

        Args:
            system: The system.
            at: The instant, microseconds since 1970 UTC.
        """
        with self._database.reading() as connection:
            then = self._latest(connection, self._of(system).where(self._standings.c.at <= int(at)))
            return one(connection, self._database, then.champion) if then and then.champion else None

    def roll_out(self, seen: Standing, rollout: Rollout, change: Change) -> Standing:
        """Begin rolling out a candidate, or take the one under way to another step.

        Args:
            seen: The standing this was decided on.
            rollout: The candidate and how far it comes.
            change: When, who and why.

        Raises:
            Conflict: The standing is no longer the one seen, another candidate is under way, it is champion already, or a version of
                the candidate was rejected.
            NotFound: There is no such release.
            BadInput: The release is another system's, the rollout is impossible, or the change says not who and why or comes before
                the last one.
        """
        rollout = checked(rollout)
        sound(rollout)
        if seen.candidate not in (None, rollout.release):
            raise Conflict(f"{seen.candidate} is being rolled out in {seen.system}: promote or withdraw it before {rollout.release}")
        return self._swap(seen, "roll out", seen.champion, rollout, change)

    def promote(self, seen: Standing, release: str, change: Change) -> Standing:
        """Make a release champion and end any rollout; its versions become champions, those that serve nowhere any more retire.

        Raises:
            Conflict: The standing is no longer the one seen, the release is champion already, or one of its versions was rejected.
            NotFound: There is no such release.
            BadInput: The release is another system's, or the change says not who and why or comes before the last one.
        """
        if seen.champion == release:
            raise Conflict(f"{release} is the champion of {seen.system} already")
        return self._swap(seen, "promote", release, None, change)

    def update(self, seen: Standing, release: str, change: Change) -> Standing:
        """Make a release champion that is the present one with later beliefs: rolling back passes over both together.

        Raises:
            Conflict: As for `promote`, or a candidate is being rolled out.
            NotFound: There is no such release.
            BadInput: As for `promote`.
        """
        if seen.rollout is not None:
            raise Conflict(f"{seen.candidate} is being rolled out in {seen.system}: it is promoted or withdrawn before anything is updated")
        return self._swap(seen, "update", release, None, change)

    def withdraw(self, seen: Standing, change: Change) -> Standing:
        """End the rollout under way; the champion serves alone.

        Raises:
            Conflict: The standing is no longer the one seen, or no candidate is under way.
            BadInput: The change says not who and why or comes before the last one.
        """
        if seen.rollout is None:
            raise Conflict(f"nothing is being rolled out in {seen.system}: there is nothing to withdraw")
        return self._swap(seen, "withdraw", seen.champion, None, change)

    def roll_back(self, seen: Standing, change: Change) -> Standing:
        """Make the previous champion serve again and end any rollout; a champion that was rolled back is not returned to.

        Raises:
            Conflict: The standing is no longer the one seen, there is no previous champion, or one of its versions was rejected.
            BadInput: The change says not who and why or comes before the last one.
        """
        served = champions(standing for standing in self.history(seen.system) if standing.revision <= seen.revision)
        if len(served) < 2:
            which = f"before {seen.champion}" if seen.champion is not None else "yet"
            raise Conflict(f"{seen.system} has no champion {which}: there is nothing to roll back to")
        return self._swap(seen, "roll back", served[-2], None, change)

    def _swap(self, seen: Standing, action: str, champion: str | None, rollout: Rollout | None, change: Change) -> Standing:
        """Append the standing that follows the one seen, if that is still the latest."""
        change = accountable(change)
        new = Standing(
            system=seen.system,
            revision=seen.revision + 1,
            champion=champion,
            rollout=rollout,
            action=action,
            at=change.at,
            who=change.who,
            why=change.why,
        )
        with self._database.transaction() as connection:
            now = self._now(connection, seen.system)
            if now != seen:
                raise Conflict(f"{seen.system} is at revision {now.revision} ({now.action} by {now.who}), not {seen.revision}: look again")
            if now.revision and change.at < now.at:
                raise BadInput(f"a change at {change.at} comes before the last one of {seen.system}, at {now.at}", field="at")
            self._check_releases(connection, new)
            connection.execute(self._standings.insert().values(**msgspec.to_builtins(new)))
            if champion != now.champion:
                self._stage_versions(connection, now, new, change)
            record(connection, self._database, change, action, seen.system, _shown(now), _shown(new))
        return new

    def _check_releases(self, connection: Connection, new: Standing) -> None:
        """Refuse a release of another system, and a candidate that serves already or holds a rejected version."""
        for release in filter(None, (new.champion, new.candidate)):
            of = one(connection, self._database, release).system
            if of != new.system:
                raise BadInput(f"{release} is a release of {of}, not of {new.system}", field="release")
        if new.rollout is None:
            return
        if new.candidate == new.champion:
            raise Conflict(f"{new.candidate} is the champion of {new.system} already: there is nothing to roll out")
        for version, stage in self._stages(connection, new.rollout.release):
            if stage == "rejected":
                raise Conflict(f"{new.candidate} holds {version}, which was rejected: millrace models readmit it, or release another")
            if stage == "deleted":
                raise Conflict(f"{new.candidate} holds {version}, whose files were deleted: train it again, or release another")

    def _stages(self, connection: Connection, release: str) -> list[tuple[str, str]]:
        """Return the versions of a release, each with its stage."""
        from sqlalchemy import select

        versions, held = self._database.tables["versions"], self._database.tables["release_versions"]
        query = select(versions.c.version, versions.c.stage).join(held, held.c.version == versions.c.version)
        return [(row.version, row.stage) for row in connection.execute(query.where(held.c.release == release))]

    def _stage_versions(self, connection: Connection, old: Standing, new: Standing, change: Change) -> None:
        """Make the new champion's versions champions, and retire those of the old one that no system serves any more."""
        before, after = self._versions(connection, old.champion), self._versions(connection, new.champion)
        follow(connection, self._database, after, before - after - self._served_elsewhere(connection, new.system), change)

    def _versions(self, connection: Connection, release: str | None) -> set[str]:
        return set(one(connection, self._database, release).versions.values()) if release else set()

    def _served_elsewhere(self, connection: Connection, system: str) -> set[str]:
        """Return the versions that the champions of other systems hold."""
        from sqlalchemy import func, select

        t, held = self._standings, self._database.tables["release_versions"]
        latest = select(t.c.system, func.max(t.c.revision).label("revision")).group_by(t.c.system).subquery()
        now = (t.c.system == latest.c.system) & (t.c.revision == latest.c.revision)
        query = select(held.c.version).join(t, t.c.champion == held.c.release).join(latest, now).where(t.c.system != system)
        return set(connection.scalars(query))

    def _now(self, connection: Connection, system: str) -> Standing:
        return self._latest(connection, self._of(system)) or Standing(system=system)

    def _of(self, system: str) -> Select[Any]:
        return self._standings.select().where(self._standings.c.system == system)

    def _latest(self, connection: Connection, query: Select[Any]) -> Standing | None:
        row = connection.execute(query.order_by(self._standings.c.revision.desc()).limit(1)).mappings().one_or_none()
        return None if row is None else stored(row, Standing)


def _shown(standing: Standing) -> dict[str, Any]:
    """Return what the audit shows of a standing: what serves, not who brought it there."""
    return {"champion": standing.champion, "rollout": msgspec.to_builtins(standing.rollout)}
