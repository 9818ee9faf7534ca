"""A child's row in `wm_claim`: who holds which ids, fenced by owner and seq."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile

from sqlalchemy.exc import IntegrityError

from wmcore.backends.theschwartz import outcomes
from wmcore.backends.theschwartz.database import Database
from wmcore.errors import Fenced, QueueDown

OWN = "daemon = :daemon AND slot = :slot"


def pack(ids: Sequence[int]) -> str:
    return ",".join(str(number) for number in ids)


def unpack(ids: str) -> list[int]:
    return [int(part) for part in ids.split(",") if part]


class ClaimRow:
    def __init__(self, db: Database, daemon: str, slot: int, owner: str) -> None:
        self._db = db
        self._keys: dict[str, str | int] = {"daemon": daemon, "slot": slot, "owner": owner}
        self._owner = owner
        self.registered = False
        self.seq = 0
        self.in_doubt = False

    @property
    def keys(self) -> dict[str, str | int]:
        """What a statement needs to know that the row is as we left it."""
        return {**self._keys, "seq": self.seq}

    @property
    def _table(self) -> str:
        return self._db.table("wm_claim")

    def register(self) -> bool:
        """Make the row ours, once in a life: True that once. Raises QueueDown while a dead child's ids still stand in
        it."""
        if self.registered:
            return False
        if not self._take_over_at_once():
            self._db.atomically(self._take_over)
        self.registered = True
        return True

    def rehearse(self) -> None:
        """What `register` sends first, for a row that there is not (see `oneturn.rehearse`)."""
        self._take_over_at_once()

    def _take_over_at_once(self) -> bool:
        """PostgreSQL, and the last child left nothing: in one statement what `_take_over` does in five."""
        if self._db.dialect.name != "postgresql":
            return False
        found = self._db.rows(
            f"UPDATE {self._table} SET owner = :owner, seq = seq + 1, acked = 0, heartbeat = {self._db.dialect.now} "
            f"FROM (SELECT set_config('synchronous_commit', 'off', true) AS now) lazily "
            f"WHERE {OWN} AND ids = '' AND lazily.now = 'off' RETURNING seq",
            self._keys,
        )
        self.seq = int(found[0][0]) if found else 0
        return bool(found)

    def _take_over(self) -> None:
        """Lost with the server, it would be missed by the first claim; kept with it, it is kept."""
        if self._db.dialect.begin_lazily:
            self._db.run(self._db.dialect.begin_lazily)
        row = self._db.one(
            f"SELECT seq, ids, acked FROM {self._table} WHERE {OWN}{self._db.dialect.lock_rows}", self._keys
        )
        if row is None:
            try:
                self._db.run(
                    f"INSERT INTO {self._table} (daemon, slot, owner, seq, lease, funcid, ids, acked, heartbeat) "
                    f"VALUES (:daemon, :slot, :owner, 1, 0, 0, '', 0, {self._db.dialect.now})",
                    self._keys,
                )
            except IntegrityError:
                raise QueueDown(f"slot {self._keys['slot']} has another child in {self._db.name}") from None
            self.seq = 1
            return
        if len(unpack(row[1])) > int(row[2]):
            raise QueueDown(f"the books of slot {self._keys['slot']} are not closed yet in {self._db.name}")
        self.seq = int(row[0]) + 1
        self._db.run(
            f"UPDATE {self._table} SET owner = :owner, seq = :seq, ids = '', acked = 0, "
            f"heartbeat = {self._db.dialect.now} WHERE {OWN}",
            {**self._keys, "seq": self.seq},
        )

    def move(self, funcid: int, lease: int, ids: Sequence[int]) -> None:
        """Inside the turn's transaction: the next batch, under the next seq. Raises Fenced."""
        done = self._db.run(
            f"UPDATE {self._table} SET seq = seq + 1, lease = :lease, funcid = :funcid, ids = :ids, acked = 0, "
            f"heartbeat = {self._db.dialect.now} WHERE {OWN} AND owner = :owner AND seq = :seq",
            {**self.keys, "lease": lease, "funcid": funcid, "ids": pack(ids)},
        )
        self._own(done.rowcount)

    def extend(self, ids: Sequence[int]) -> None:
        """Inside a transaction: the batch in hand has grown, these are all of its ids. Raises Fenced."""
        done = self._db.run(
            f"UPDATE {self._table} SET ids = :ids WHERE {OWN} AND owner = :owner AND seq = :seq",
            {**self.keys, "ids": pack(ids)},
        )
        self._own(done.rowcount)

    def look(self) -> tuple[int, int, bool]:
        """Inside a transaction, under the row's lock: how many ids of the batch in hand are still ours, how many are
        acknowledged, and whether its lease is over. Raises Fenced."""
        row = self._db.one(
            f"SELECT ids, acked, lease <= {self._db.dialect.second} FROM {self._table} "
            f"WHERE {OWN} AND owner = :owner AND seq = :seq{self._db.dialect.lock_rows}",
            self.keys,
        )
        self._own(0 if row is None else 1)
        assert row is not None
        return len(unpack(row[0])), int(row[1]), bool(row[2])

    def acknowledge(self, count: int) -> None:
        """Inside a transaction: the first `count` jobs of the batch have ended. Raises Fenced."""
        done = self._db.run(
            f"UPDATE {self._table} SET acked = :count WHERE {OWN} AND owner = :owner AND seq = :seq",
            {**self.keys, "count": count},
        )
        self._own(done.rowcount)

    def _own(self, rowcount: int) -> None:
        if rowcount != 1:
            raise Fenced(f"the claim row of slot {self._keys['slot']} in {self._db.name} belongs to another life")

    @contextmanager
    def in_doubt_unless_committed(self) -> Iterator[None]:
        """A connection that breaks in here may have broken after the COMMIT."""
        try:
            yield
        except QueueDown:
            self.in_doubt = self.registered
            raise

    def settle(self, held: Sequence[int]) -> tuple[int, int] | None:
        """After a COMMIT in doubt. None: the turn happened, and what it claimed is given back (the next batch, if any,
        starts from a fresh seq); else, of the batch still in hand, `held`, how many are still ours and how many
        acknowledged: what the row has beside them is given back. Raises Fenced, QueueDown."""
        seen = self._db.atomically(lambda: self._settle(held))
        self.in_doubt = False
        return seen

    def _settle(self, held: Sequence[int]) -> tuple[int, int] | None:
        row = self._db.one(
            f"SELECT owner, seq, lease, funcid, ids, acked FROM {self._table} WHERE {OWN}{self._db.dialect.lock_rows}",
            self._keys,
        )
        if row is None or row[0] != self._owner:
            self._own(0)
        assert row is not None
        ids, acked, lease, funcid = unpack(row[4]), int(row[5]), int(row[2]), int(row[3])
        if int(row[1]) == self.seq:
            kept = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(held, ids, strict=False)))
            known = max(kept, acked)
            if ids[known:]:
                outcomes.release_all(self._db, ids[known:], funcid, lease)
                self.extend(ids[:known])
            return kept, acked
        outcomes.release_all(self._db, ids, funcid, lease)
        self.seq = int(row[1]) + 1
        self._db.run(
            f"UPDATE {self._table} SET seq = :seq, ids = '', acked = 0 WHERE {OWN}", {**self._keys, "seq": self.seq}
        )
        return None
