"""Shared memory between the manager and its children: one file in `state_dir`, mapped by all of them.

Layout, in 8-byte words (each store of an aligned word is atomic, so nothing here takes a lock):

    header   magic, version, slots, classes, slot words, manager's pid and start time, log generation, boot id
             then one word per class: non-zero = paused                        written by the manager
    slot     72 words written by its child alone (`W_*`), 8 by the manager     see below
             then per class five counters, see COUNTED, and its pace            written by its child, kept over lives

The manager reads everything without asking anybody: a wedged child is visible, and so is what a dead one was doing.
"""

from wmcore.scoreboard.board import Scoreboard, SlotView
from wmcore.scoreboard.layout import CAPACITY, COUNTED, W_DROPPED
from wmcore.scoreboard.slot import ChildSlot

__all__ = ["CAPACITY", "COUNTED", "W_DROPPED", "ChildSlot", "Scoreboard", "SlotView"]
