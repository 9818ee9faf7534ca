"""The line in which a filter or a command is typed; tab completes, up and down bring back what was typed before."""

from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.suggester import Suggester
from textual.widgets import Input, Static

from wmtui.messages import Said

SIGNS = {"filter": "/", "command": ":"}


class Completing(Suggester):
    """From a function to Textual's idea of one."""

    def __init__(self, complete: Callable[[str], str | None]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        return self._complete(value)


class Line(Input):
    def __init__(self) -> None:
        super().__init__(compact=True, select_on_focus=False, id="line")
        self.cursor_blink = False
        self.history: list[str] = []
        self._at = 0

    def begin(self, text: str, history: Sequence[str]) -> None:
        self.history, self._at = [*history, text], len(history)
        self.value = text
        self.cursor_position = len(text)

    def on_key(self, event: events.Key) -> None:
        match event.key:
            case "escape":
                self.post_message(Said("", None))
            case "tab":
                self.action_cursor_right() if self.cursor_position == len(self.value) else self.action_end()
            case "up" | "down":
                self._at = max(0, min(self._at + (1 if event.key == "down" else -1), len(self.history) - 1))
                self.value = self.history[self._at]
                self.action_end()
            case "backspace" if not self.value:
                self.post_message(Said("", None))
            case _:
                return
        event.stop()
        event.prevent_default()


class Prompt(Horizontal):
    """Not there until it is asked for."""

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.kind = ""
        self._history: dict[str, list[str]] = {"filter": [], "command": []}

    def compose(self) -> ComposeResult:
        yield Static("", id="sign", markup=False)
        yield Line()

    @property
    def line(self) -> Line:
        return self.query_one(Line)

    def begin(self, kind: str, text: str, complete: Callable[[str], str | None] | None) -> None:
        self.kind = kind
        self.query_one("#sign", Static).update(SIGNS[kind])
        self.line.suggester = Completing(complete) if complete is not None else None
        self.line.begin(text, self._history[kind])
        self.display = True
        self.screen.set_focus(self.line)

    def end(self) -> None:
        self.kind, self.display = "", False

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        kind, text = self.kind, event.value.strip()
        if text and self._history[kind][-1:] != [text]:
            self._history[kind].append(text)
        self.post_message(Said(kind, text))

    def on_said(self, event: Said) -> None:
        if event.text is None and not event.kind:  # from the line, which does not know what it is for
            event.stop()
            self.post_message(Said(self.kind, None))
