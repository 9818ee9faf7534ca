"""TheSchwartz' tables as Perl has them, and our own `wm_` ones. Only `--init-db` writes here; nothing is ever altered
but for one nullable column that Perl never names, and for how full PostgreSQL packs the pages."""

from collections.abc import Iterator

from wmcore.backends.theschwartz import notifying
from wmcore.backends.theschwartz.database import Database
from wmcore.backends.theschwartz.engine import inspector

ROOM = "fillfactor = 50"
"""PostgreSQL writes a row anew when a claim changes its lease. Where that finds room on the row's own page, no index
has to be told: a claim and its acknowledgement cost the server less than half."""


def _theirs(db: Database) -> dict[str, list[str]]:
    """Table -> statements that create it with its indexes."""
    d, t = db.dialect, db.table
    mysql = d.name == "mysql"
    tail = " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4" if mysql else ""
    integer = "INTEGER UNSIGNED" if mysql else "INTEGER"
    small = "SMALLINT UNSIGNED" if mysql else "SMALLINT"
    number = "BIGINT UNSIGNED" if mysql else "BIGINT"
    message = "VARCHAR(255)" if mysql else "TEXT"
    roomy = f" WITH ({ROOM})" if d.name == "postgresql" else tail
    return {
        "funcmap": [
            f"CREATE TABLE {t('funcmap')} (funcid {d.auto_id}, funcname VARCHAR(255) NOT NULL, UNIQUE (funcname)){tail}"
        ],
        "job": [
            f"CREATE TABLE {t('job')} (jobid {d.auto_id}, funcid {integer} NOT NULL, arg {d.blob}, "
            f"uniqkey VARCHAR(255), insert_time {integer}, run_after {integer} NOT NULL, "
            f"grabbed_until {integer} NOT NULL, priority {small}, {d.coalesce} VARCHAR(255), "
            f"wm_insert_time DOUBLE PRECISION, UNIQUE (funcid, uniqkey)){roomy}",
            f"CREATE INDEX {t('job_funcid_run_after')} ON {t('job')} (funcid, run_after)",
            f"CREATE INDEX {t('job_funcid_coalesce')} ON {t('job')} (funcid, {d.coalesce})",
            f"CREATE INDEX {t('wm_job_priority')} ON {t('job')} (funcid, priority, run_after)",
        ],
        "note": [
            f"CREATE TABLE {t('note')} (jobid {number} NOT NULL, notekey VARCHAR(255), value {d.blob}, "
            f"PRIMARY KEY (jobid, notekey)){tail}"
        ],
        "error": [
            f"CREATE TABLE {t('error')} (error_time {integer} NOT NULL, jobid {number} NOT NULL, "
            f"message {message} NOT NULL, funcid {integer} NOT NULL DEFAULT 0){tail}",
            f"CREATE INDEX {t('error_funcid_errortime')} ON {t('error')} (funcid, error_time)",
            f"CREATE INDEX {t('error_time')} ON {t('error')} (error_time)",
            f"CREATE INDEX {t('error_jobid')} ON {t('error')} (jobid)",
        ],
        "exitstatus": [
            f"CREATE TABLE {t('exitstatus')} (jobid {number} PRIMARY KEY NOT NULL, "
            f"funcid {integer} NOT NULL DEFAULT 0, status {small}, completion_time {integer}, "
            f"delete_after {integer}){tail}",
            f"CREATE INDEX {t('exitstatus_funcid')} ON {t('exitstatus')} (funcid)",
            f"CREATE INDEX {t('exitstatus_deleteafter')} ON {t('exitstatus')} (delete_after)",
        ],
    }


def ours(db: Database) -> dict[str, list[str]]:
    """The same for our tables."""
    d, t = db.dialect, db.table
    tail = " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4" if d.name == "mysql" else ""
    return {
        "wm_claim": [
            f"CREATE TABLE {t('wm_claim')} (daemon VARCHAR(191) NOT NULL, slot INTEGER NOT NULL, "
            f"owner VARCHAR(64) NOT NULL, seq BIGINT NOT NULL, lease BIGINT NOT NULL, funcid BIGINT NOT NULL, "
            f"ids {d.long_text} NOT NULL, acked INTEGER NOT NULL, heartbeat DOUBLE PRECISION NOT NULL, "
            f"PRIMARY KEY (daemon, slot)){tail}"
        ],
        "wm_attempt": [
            f"CREATE TABLE {t('wm_attempt')} (id {d.auto_id}, jobid BIGINT NOT NULL, funcid BIGINT NOT NULL, "
            f"at DOUBLE PRECISION NOT NULL, host VARCHAR(255) NOT NULL, slot INTEGER, pid INTEGER, "
            f"message {d.long_text} NOT NULL, traceback {d.long_text} NOT NULL, exit_status INTEGER NOT NULL){tail}",
            f"CREATE INDEX {t('wm_attempt_jobid')} ON {t('wm_attempt')} (jobid)",
        ],
        "wm_failed": [
            f"CREATE TABLE {t('wm_failed')} (id {d.auto_id}, funcname VARCHAR(255) NOT NULL, jobid BIGINT NOT NULL, "
            f"arg {d.blob}, uniqkey VARCHAR(255), insert_time DOUBLE PRECISION NOT NULL, "
            f"run_after DOUBLE PRECISION NOT NULL, priority INTEGER, {d.coalesce} VARCHAR(255), "
            f"failed_at DOUBLE PRECISION NOT NULL, message {d.long_text} NOT NULL, attempt_count INTEGER NOT NULL, "
            f"attempts {d.long_text} NOT NULL, host VARCHAR(255) NOT NULL, slot INTEGER, "
            f"retried_as VARCHAR(64), origin VARCHAR(255), lease BIGINT, {FINGERPRINT}, {', '.join(RETRIED)}){tail}",
            *(f"CREATE INDEX {t(name)} ON {t('wm_failed')} ({columns})" for name, columns in FAILED_INDEXES.items()),
        ],
    }


FINGERPRINT = "fingerprint VARCHAR(32) DEFAULT '' NOT NULL"
"""'': it failed before there were any. With a constant default every database adds the column at once."""
RETRIED = ("retried SMALLINT DEFAULT 0 NOT NULL", "retried_at DOUBLE PRECISION")
"""1, and when: a retry made a new job of it. What is still open is looked for by the first."""
FAILED_INDEXES = {
    "wm_failed_time": "retried, failed_at",
    "wm_failed_of_class": "retried, funcname, failed_at",
    "wm_failed_of_group": "retried, fingerprint, failed_at",
    "wm_failed_job": "jobid, origin",
}
"""All, a class and a group are listed and counted by their own; the last finds what became of a job."""
FORMER_INDEXES = ("wm_failed_at", "wm_failed_class", "wm_failed_group")
"""Of versions that did not ask whether a record is open."""


def missing(db: Database) -> Iterator[str]:
    """The statements that `--init-db` would run, in order."""
    db.connect()
    for name, statements in {**_theirs(db), **ours(db)}.items():
        if not db.has(name):
            yield from statements
    if db.has("wm_failed"):
        yield from failed_additions(db)
    if db.has("job"):
        yield from _additions(db)


def failed_additions(db: Database) -> Iterator[str]:
    """What a `wm_failed` of an earlier version has not."""
    table = _folded(db, "wm_failed")
    if not db.fingerprints:
        yield f"ALTER TABLE {table} ADD COLUMN {FINGERPRINT}"
    if not db.knows_retried:
        yield from (f"ALTER TABLE {table} ADD COLUMN {column}" for column in RETRIED)
    not_noted = "retried = 0 AND retried_as IS NOT NULL"  # by a daemon of an earlier version
    if not db.knows_retried or db.one(f"SELECT 1 FROM {table} WHERE {not_noted} LIMIT 1"):
        yield f"UPDATE {table} SET retried = 1 WHERE {not_noted}"
    unfinished = _unfinished(db, table)
    there = {index["name"] for index in inspector(db.connect()).get_indexes(table)} - unfinished
    for name, columns in FAILED_INDEXES.items():
        if _folded(db, name) not in there:
            yield from _create_index(db, db.table(name), f"{table} ({columns})", unfinished)
    for name in FORMER_INDEXES:
        if _folded(db, name) in there:
            yield _drop_index(db, db.table(name), table)


def _create_index(db: Database, name: str, what: str, unfinished: set[str]) -> Iterator[str]:
    """PostgreSQL would hold up those who write meanwhile."""
    if name.lower() in unfinished:
        yield _drop_index(db, name, what)
    yield f"CREATE INDEX{_gently(db)} {name} ON {what}"


def _drop_index(db: Database, name: str, table: str) -> str:
    return f"DROP INDEX{_gently(db)} {name}" + (f" ON {table}" if db.dialect.name == "mysql" else "")


def _gently(db: Database) -> str:
    return " CONCURRENTLY" if db.dialect.name == "postgresql" else ""


def _additions(db: Database) -> Iterator[str]:
    """On a job table that Perl made: the column for finer insert times, the index that deletes need, and the one that
    claims by priority go by, and room on the pages."""
    if not db.fine_insert_time:
        yield f"ALTER TABLE {db.table('job')} ADD COLUMN wm_insert_time DOUBLE PRECISION"
    looker, job = inspector(db.connect()), _folded(db, "job")
    unfinished = _unfinished(db, job)
    indexes = [index for index in looker.get_indexes(job) if index["name"] not in unfinished]
    leading = {index["column_names"][0] for index in indexes}
    leading |= set(looker.get_pk_constraint(job)["constrained_columns"][:1])
    wanted = {} if "jobid" in leading else {db.table("wm_job_jobid"): "jobid"}
    if db.table("wm_job_priority").lower() not in {str(index["name"]).lower() for index in indexes}:
        wanted[db.table("wm_job_priority")] = "funcid, priority, run_after"
    for name, columns in wanted.items():
        yield from _create_index(db, name, f"{db.table('job')} ({columns})", unfinished)
    if _is_packed(db, job):
        yield f"ALTER TABLE {db.table('job')} SET ({ROOM})"


def _is_packed(db: Database, table: str) -> bool:
    """A table of PostgreSQL's (its partitions are their owner's to care for) of which nobody said how full its pages
    may be."""
    return db.dialect.name == "postgresql" and bool(
        db.rows(
            "SELECT 1 FROM pg_class WHERE oid = to_regclass(:table) AND relkind = 'r' "
            "AND COALESCE(array_to_string(reloptions, ','), '') NOT LIKE '%fillfactor=%'",
            {"table": table},
        )
    )


def _folded(db: Database, name: str) -> str:
    """A name as PostgreSQL keeps what is written without quotes."""
    table = db.table(name)
    return table.lower() if db.dialect.name == "postgresql" else table


def _unfinished(db: Database, table: str) -> set[str]:
    """Indexes that PostgreSQL was building concurrently when somebody interrupted it: it does not use them."""
    if db.dialect.name != "postgresql":
        return set()
    found = db.rows(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid "
        "AND i.indrelid = to_regclass(:table)",
        {"table": table},
    )
    return {str(row[0]).lower() for row in found}


def create(db: Database, *, dry_run: bool, notify_trigger: bool = False) -> list[str]:
    """Run them, or only name them. Idempotent."""
    statements = list(missing(db))
    if notify_trigger:
        statements += notifying.trigger(db)
    if not dry_run:
        for statement in statements:
            db.run(statement)
        db.drop()
    return statements
