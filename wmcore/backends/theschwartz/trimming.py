"""Cutting a batch that takes longer than it should have: no job waits behind a surprise.

Under the lock of the child's claim row. The child, before it starts a job of such a batch, writes that into its slot
and then looks at its row under the same lock: so either it is seen here, or it sees what was done here.
"""

from wmcore.backends.base import SlowBatch
from wmcore.backends.theschwartz import outcomes, rows
from wmcore.backends.theschwartz.claimrow import OWN, pack, unpack
from wmcore.backends.theschwartz.database import Database


def trim(db: Database, daemon: str, batch: SlowBatch) -> list[str]:
    """Inside a transaction. Returns the ids of the jobs that were given back."""
    keys = {"daemon": daemon, "slot": batch.slot}
    row = db.one(
        f"SELECT owner, seq, lease, funcid, ids, acked FROM {db.table('wm_claim')} WHERE {OWN}{db.dialect.lock_rows}",
        keys,
    )
    if row is None or row[0] != batch.owner or int(row[1]) & 0xFFFFFFFF != batch.seq:
        return []  # it has moved on
    lease, funcid, ids, acked = int(row[2]), int(row[3]), unpack(row[4]), int(row[5])
    now = batch.progress()
    begun = max(1, now.started)  # else a child that is slow to start would never come to it
    kept, waiting = ids[:begun], ids[begun:]
    runs_long = acked < now.finished < now.started  # what has finished before it can be done with
    if now.held < 2 or not (waiting or runs_long):
        return []
    finished = [(jobid, batch.keep_exit_status_seconds) for jobid in ids[acked : now.finished]]
    outcomes.delete_all_finished(db, finished, funcid, lease)
    outcomes.release_all(db, waiting, funcid, lease)
    db.run(
        f"UPDATE {db.table('wm_claim')} SET ids = :ids, acked = :acked WHERE {OWN}",
        {**keys, "ids": pack(kept), "acked": max(acked, now.finished)},
    )
    return [rows.job_id(db, jobid) for jobid in waiting]
