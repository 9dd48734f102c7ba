"""The registry: immutable versions of models, each with the lineage that says how to make it again.

Public: `Registry` (`publish`, `get`, `versions`, `ending`, `folder`, `stage`, `annotate`, `sweep`).

    record = registry.publish("ranker", version.save, lineage, metrics={"auc": 0.81}, settings={"trees": 300})
    scorer = learner.load(registry.folder(record.version))
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from millrace.errors import BadInput, Conflict, MillraceError, NotFound
from millrace.stores.artefacts import Artefacts
from millrace.stores.audit import Change, accountable, record
from millrace.stores.database import Database
from millrace.stores.durable import flush_tree
from millrace.stores.manifest import seal, verify
from millrace.stores.plain import checked, stored
from millrace.stores.stages import STAGES, move
from millrace.stores.versions import SUNSET, Lineage, VersionRecord

if TYPE_CHECKING:
    from sqlalchemy import Connection

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


class Registry:
    """The versions of a database, their files in a folder.

    Args:
        database: Where they are registered.
        folder: Where their files lie, as `versions/<model>/<version>/`; one file system, shared by all that publish or load.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._versions = database.tables["versions"]
        self._artefacts = Artefacts(folder)

    def publish(
        self,
        model: str,
        save: Callable[[Path], None],
        lineage: Lineage,
        metrics: Mapping[str, Any],
        settings: Mapping[str, Any],
        who: str = "training",
    ) -> VersionRecord:
        """Keep a version's files and register it as a candidate.

        Nothing is registered before all of it is on disk. The same files for the same declaration are the same version: publishing them
        again returns the record of the first time, and puts the files back if they were damaged.

        Args:
            model: The model's name; it begins the version's id.
            save: Writes the files into the empty folder it is given.
            lineage: Where the version comes from.
            metrics: What was measured.
            settings: The learner's settings.
            who: Who answers for it in the audit.

        Raises:
            BadInput: The name cannot name a folder, a value cannot be kept, or what was saved cannot be sealed.
            NotFound: A parent is not registered.
        """
        if not _NAME.fullmatch(model):
            raise BadInput(f"{model!r} cannot name a model's folder: use letters, digits, '_', '-' and '.'", field="model")
        draft = checked(
            VersionRecord(
                version="",
                model=model,
                number=0,
                content="",
                stage="candidate",
                lineage=lineage,
                metrics=dict(metrics),
                settings=dict(settings),
                notes={},
            )
        )
        change = accountable(Change(draft.lineage.created, who, f"trained on {draft.lineage.rows} examples"))
        self.sweep()
        with self._artefacts.staged() as files:
            save(files)
            content = seal(files, draft.lineage.declaration)
            flush_tree(files)
            return self._register(msgspec.structs.replace(draft, content=content), files, change)

    def get(self, version: str) -> VersionRecord:
        """Return the record of a version.

        Raises:
            NotFound: There is no such version.
        """
        with self._database.reading() as connection:
            return self._get(connection, version)

    def versions(self, model: str) -> list[VersionRecord]:
        """Return the versions of a model, oldest first."""
        t = self._versions
        with self._database.reading() as connection:
            rows = connection.execute(t.select().where(t.c.model == model).order_by(t.c.number)).mappings()
            return [stored(row, VersionRecord) for row in rows]

    def ending(self) -> list[VersionRecord]:
        """Return the versions whose end was announced and that do not serve, those deleted too, oldest first."""
        t = self._versions
        with self._database.reading() as connection:
            rows = connection.execute(t.select().where(t.c.stage.in_(("retired", "rejected", "deleted"))).order_by(t.c.number)).mappings()
            return [one for row in rows if SUNSET in (one := stored(row, VersionRecord)).notes]

    def folder(self, version: str) -> Path:
        """Return the folder of a version's files, after checking every byte of them.

        Raises:
            NotFound: There is no such version, it was deleted, or one of its files is missing.
            BadInput: One of its files was changed or added.
        """
        found = self.get(version)
        if found.stage == "deleted":
            raise NotFound(f"the files of {version} were deleted: train it again, its record says on what")
        folder = self._artefacts.place(found.model, version)
        verify(folder, found.content)
        return folder

    def stage(self, version: str, to: str, change: Change) -> VersionRecord:
        """Reject a version, retire it, or make it a candidate again; repeating it changes nothing.

        A version becomes and stops being champion by the releases that hold it, so that what serves is said in one place.

        Raises:
            NotFound: There is no such version.
            Conflict: That stage cannot follow the one it is in, or the version is champion or would become it.
            BadInput: There is no such stage, or the change does not say who and why.
        """
        change = accountable(change)
        if to not in STAGES:
            raise BadInput(f"{to!r} is not a stage: choose {', '.join(STAGES)}", field="stage")
        with self._database.transaction() as connection:
            now = self._get(connection, version).stage
            if "champion" in (to, now):
                raise Conflict(f"{version} cannot be made {to} here: promote or roll back the release that holds it")
            if "deleted" in (to, now):
                raise Conflict(f"{version} cannot be made {to} here: delete it with `millrace models delete`, or publish it again")
            move(connection, self._database, version, to, change)
            return self._get(connection, version)

    def annotate(self, version: str, notes: Mapping[str, Any], change: Change) -> VersionRecord:
        """Write fields of a version's model card; those not named stay.

        Raises:
            NotFound: There is no such version.
            BadInput: A note cannot be kept, or the change does not say who and why.
        """
        change = accountable(change)
        with self._database.transaction() as connection:
            before = self._get(connection, version)
            after = checked(msgspec.structs.replace(before, notes={**before.notes, **notes}))
            update = self._versions.update().where(self._versions.c.version == version)
            connection.execute(update.values(notes=after.notes))
            record(connection, self._database, change, "annotate", version, before.notes, after.notes)
            return after

    def sweep(self) -> list[str]:
        """Remove what publishers that died or failed have left, unless somebody is publishing now; `publish` does so before it begins.

        Returns:
            The versions that never came to be registered and whose folders were removed.
        """
        return self._artefacts.sweep(self._is_registered)

    def _register(self, draft: VersionRecord, files: Path, change: Change) -> VersionRecord:
        """Number a version, move its files into place and insert its row, while no other publisher can."""
        with self._database.transaction() as connection:
            twin = self._twin(connection, draft)
            if twin is not None:
                self._put_back(twin, files)
                if twin.stage == "deleted":
                    move(connection, self._database, twin.version, "candidate", change)
                return self._get(connection, twin.version)
            for parent in draft.lineage.parents:
                self._get(connection, parent)
            number = self._count(connection, draft.model) + 1
            found = msgspec.structs.replace(draft, number=number, version=f"{draft.model}-{number:04d}-{draft.content[:8]}")
            self._artefacts.install(files, found.model, found.version)
            row = msgspec.to_builtins(found)
            connection.execute(self._versions.insert().values(**row))
            record(connection, self._database, change, "publish", found.version, None, row)
        return found

    def _put_back(self, twin: VersionRecord, files: Path) -> None:
        """Mend a version's folder with the same files, freshly saved, if it needs mending."""
        try:
            verify(self._artefacts.place(twin.model, twin.version), twin.content)
        except MillraceError:
            self._artefacts.install(files, twin.model, twin.version)

    def _twin(self, connection: Connection, draft: VersionRecord) -> VersionRecord | None:
        t = self._versions
        same = t.select().where(t.c.model == draft.model, t.c.content == draft.content)
        row = connection.execute(same).mappings().one_or_none()
        return None if row is None else stored(row, VersionRecord)

    def _count(self, connection: Connection, model: str) -> int:
        from sqlalchemy import func, select

        return connection.scalars(select(func.count()).where(self._versions.c.model == model)).one()

    def _is_registered(self, version: str) -> bool:
        try:
            return bool(self.get(version))
        except NotFound:
            return False

    def _get(self, connection: Connection, version: str) -> VersionRecord:
        row = connection.execute(self._versions.select().where(self._versions.c.version == version)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no version is called {version!r}: millrace status SYSTEM lists the releases and their versions")
        return stored(row, VersionRecord)
