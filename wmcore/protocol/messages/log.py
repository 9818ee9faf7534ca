"""The log files, read by the daemon."""

import msgspec

from wmcore.protocol.messages.base import Message, Request


class LogLines(Message):
    path: str
    lines: list[str]
    levels: list[str] = msgspec.field(default_factory=list)  # of each line: model.LogLevel; "" in the errorlog
    cursor: str | None = None  # the place behind what was read: with `after`, only new lines follow
    more: bool = False  # the answer stopped at its bound: ask again at once
    gap: bool = False  # lines between `after` and these are gone (their file was taken away, or cut)


class TailLog(Request):
    """Without `after` the last `lines` lines that pass the filters, of the last 4 MiB. With it, what was written since,
    at most so many lines; a file that was put aside meanwhile is read to its end first."""

    method = "log.tail"
    result = LogLines
    which: str = "log"  # "log" | "errorlog"
    lines: int = 100
    after: str | None = None
    level: str | None = None  # at least so grave: "debug", "info", "notice", "warning", "error"; not of the errorlog.
    # Jobs that completed are info; children that came and went notice, those that died warning; failed jobs error
    text: str | None = None  # part of the line, without regard to case
