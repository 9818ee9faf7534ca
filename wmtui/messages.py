"""What moves up through the console: news from the feeds, answers of the daemons, wishes of a screen."""

from collections.abc import Callable, Hashable
from typing import Any

from textual.message import Message

from wmcore.errors import WmError
from wmcore.protocol.messages import Request
from wmtui.feed import News
from wmtui.session import Session


class FeedNews(Message):
    """The connection changed, or a status came."""

    def __init__(self, session: Session, news: News) -> None:
        super().__init__()
        self.session = session
        self.news = news


class Answered(Message):
    """The daemon's reply to a request, or its refusal; `done` and `failed` are what the asker wants called."""

    def __init__(
        self, session: Session, request: Request, reply: Any, error: WmError | None, done: Callable[[Any], None],
        failed: Callable[[WmError], None] | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.session = session
        self.request = request
        self.reply = reply
        self.error = error
        self.done = done
        self.failed = failed


class CursorMoved(Message):
    """The cursor of a table stands on another row (or on none)."""

    def __init__(self, pane: str, key: Hashable | None) -> None:
        super().__init__()
        self.pane = pane
        self.key = key


class SpreadsChanged(Message):
    """A table has another number of spreads: the key that goes through them is hinted at, or is not."""


class Said(Message):
    """A line was typed and is to be carried out, or was given up (`text` is None)."""

    def __init__(self, kind: str, text: str | None) -> None:
        super().__init__()
        self.kind = kind
        self.text = text
