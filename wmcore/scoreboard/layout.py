"""Where what stands, in 8-byte words: see the package."""

MAGIC = 0x31_44_52_4F_42_4D_57  # "WMBORD1"
VERSION = 4
CAPACITY = 1024
"""Slots that a daemon can have."""

HEADER_WORDS = 16
H_MAGIC, H_VERSION, H_SLOTS, H_CLASSES, H_STRIDE, H_PID, H_START, H_LOG_GENERATION, H_BOOT = range(9)  # boot id: 8..11

CHILD_WORDS = 72
MANAGER_WORDS = 8
COUNTS = 5
"""Counters per class: see `COUNTED`."""
CLASS_WORDS = COUNTS + 1
C_PACE = COUNTS  # ns that a job of the class takes, as the slot's last child left it; 0: it does not say

# Words of a slot that its child writes.
W_POSITION = 0  # seq << 32 | database << 24 | started << 12 | finished: one store moves it
W_STATE = 1  # ChildState
W_CLASS = 2  # class index + 1, 0 = none
W_SINCE = 3  # CLOCK_MONOTONIC ns when the job started
W_DONE = 4  # jobs finished in this life
W_FAILED = 5  # failed attempts in this life
W_PID = 6
W_START = 7  # start time of the pid (/proc): tells a dead child from a reused number
W_BORN = 8  # CLOCK_MONOTONIC ns
W_DEADLINE = 9  # CLOCK_MONOTONIC ns after which the manager kills, 0 = none
W_TIMEOUT_MS = 10  # the limit that the deadline was made of
W_NOTED_DATABASE = 11  # without wm_claim: the one job claimed
W_NOTED_NUMBER = 12
W_NOTED_LEASE = 13
W_NOTED_CLASS = 14  # class index + 1
W_POLICY_RETRIES = 15  # policy of the job in hand, so that the manager can close its books
W_POLICY_DELAY = 16
W_POLICY_KEEP = 17
W_DROPPED = 18  # event records that did not fit into the pipe, kept over lives
W_LAST_PROCESS_US = 19  # of the last finished, not yet acknowledged job: for the log line of whoever closes the books
W_LAST_DELAY_US = 20
W_LAST_LATENESS_US = 21
W_JOB_LENGTH = 22
W_TROUBLE = 23  # non-zero: the queue did not take or answer the child's last statement
W_JOB = 24  # job id, up to 96 bytes
JOB_BYTES = 96
W_OWNER = 36  # this life's token, 32 bytes
OWNER_BYTES = 32
W_HELD = 40  # jobs of the batch in hand
W_CLAIMED = 41  # CLOCK_MONOTONIC ns when it was claimed
W_COUNTED = 42  # `finished` of the position when a completion was last counted
W_COMPANIONS = 43  # without wm_claim: how many jobs are claimed beside the noted one; their numbers follow, up to 63
W_ACKED = 64  # jobs of the batch in hand that the child itself has acknowledged, and tells of
W_DEPARTED = 65  # the pid that has nothing left to do here but to end
KEPT = (W_DROPPED,)

# Words of a slot that the manager writes, counted from the end of the child's.
M_FINISH = CHILD_WORDS + 0  # the pid that shall finish its job and leave
M_WORKS = CHILD_WORDS + 1  # works_per_child

COUNTED = ("completed", "failed", "retried", "declined", "late")
