"""What moves up through the console: news from the feed, answers of the daemon, wishes of a screen."""

from collections.abc import Callable, Hashable
from typing import Any

from textual.message import Message

from wmcore.errors import WmError
from wmcore.protocol.messages import Request
from wmtui.feed import News


class FeedNews(Message):
    """The connection changed, or a status came."""

    def __init__(self, news: News) -> None:
        super().__init__()
        self.news = news


class Answered(Message):
    """The daemon's reply to a request, or its refusal; `done` is what the asker wants called with a reply."""

    def __init__(self, request: Request, reply: Any, error: WmError | None, done: Callable[[Any], None]) -> None:
        super().__init__()
        self.request = request
        self.reply = reply
        self.error = error
        self.done = done


class CursorMoved(Message):
    """The cursor of a table stands on another row (or on none)."""

    def __init__(self, pane: str, key: Hashable | None) -> None:
        super().__init__()
        self.pane = pane
        self.key = key
