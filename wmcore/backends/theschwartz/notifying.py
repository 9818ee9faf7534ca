"""PostgreSQL's NOTIFY: who inserts jobs says so in his transaction, and the asker hears it when that commits.

The channel is named by the number of the job table, which no other queue of the database has, whatever its schema and
prefix. Whoever does not say it (Perl, a client that was told not to) is found by polling; a trigger says it for all.
"""

import secrets
import time
from collections.abc import Iterator
from typing import Any

from wmcore.backends.theschwartz.database import Database
from wmcore.errors import QueueDown

TRIGGER = "wm_job_notify"
POLL_SECONDS = 1.0
"""With the trigger: for what becomes ready by other ways than an insert, on other hosts."""
AGAIN_SECONDS = 10.0
"""After a connection to listen on was lost."""


def _channel(db: Database) -> str:
    return f"'wm_job_' || CAST(to_regclass('{db.table('job')}') AS oid)"


def returning(db: Database) -> str:
    """One more column for the RETURNING of an INSERT: its rows, if there are any, are told of, once a statement."""
    if db.dialect.name != "postgresql" or not db.config.notify:
        return ""
    return f", (SELECT pg_notify({_channel(db)}, ''))"


def trigger(db: Database) -> Iterator[str]:
    """The statements that make it, where it is missing: once for each INSERT, never for what children do."""
    if db.dialect.name == "postgresql" and not _has_trigger(db):
        name = db.table(TRIGGER)
        yield (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN PERFORM pg_notify('wm_job_' || TG_RELID, ''); RETURN NULL; END $$"
        )
        yield (
            f"CREATE TRIGGER {name} AFTER INSERT ON {db.table('job')} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )


def _has_trigger(db: Database) -> bool:
    """One that fires."""
    sql = "SELECT 1 FROM pg_trigger WHERE tgrelid = to_regclass(:job) AND tgname = :name AND tgenabled IN ('O', 'A')"
    return db.one(sql, {"job": db.table("job"), "name": db.table(TRIGGER).lower()}) is not None


class Ear:
    """A connection that listens. Where it cannot, nothing is to be seen but that `changed` is always true: that is
    polling. Behind PgBouncer in transaction mode LISTEN succeeds and nothing ever comes, so silence means nothing until
    a word of our own, sent by another connection, has come back."""

    def __init__(self, db: Database) -> None:
        """`db`: nobody else's."""
        self._db = db
        self._line: Any = None  # libpq's connection
        self._token = secrets.token_hex(8).encode()
        self._proved = False
        self._told_of_all = False  # by the trigger
        self._again_at = 0.0  # monotonic
        self._poll_at = 0.0  # monotonic

    @property
    def fd(self) -> int | None:
        return None if self._line is None else int(self._line.socket)

    def changed(self, sender: Database) -> bool:
        """May jobs have been inserted since the last call? `sender`: a connection that can send the word."""
        now = time.monotonic()
        if self._line is None:
            if now >= self._again_at:
                self._listen(sender)
            return True
        heard = self._take_in()
        if self._proved and self._told_of_all and not heard and now < self._poll_at:
            return False
        self._poll_at = now + POLL_SECONDS
        return True

    def _take_in(self) -> bool:
        """All that was said. A line that broke has said everything that we may have missed."""
        from psycopg import Error

        heard = False
        try:
            self._line.consume_input()
            while (said := self._line.notifies()) is not None:
                heard = True
                self._proved = self._proved or said.extra == self._token
        except Error:
            self.close()
            return True
        return heard

    def begin_anew(self) -> None:
        """The database was away: the next look opens another line."""
        self.close()
        self._again_at = 0.0

    def _listen(self, sender: Database) -> None:
        """Errors are none: we poll."""
        self._again_at = time.monotonic() + AGAIN_SECONDS
        try:
            self._told_of_all = _has_trigger(self._db)
            found = self._db.one(f"SELECT {_channel(self._db)}")
            if found is None or found[0] is None:
                return
            self._db.run(f'LISTEN "{found[0]}"')
            self._line = self._db.connect().connection.driver_connection.pgconn  # type: ignore[union-attr]
            sender.run("SELECT pg_notify(:channel, :token)", {"channel": found[0], "token": self._token.decode()})
        except QueueDown:
            self.close()

    def close(self) -> None:
        self._line, self._proved = None, False
        self._db.drop()
