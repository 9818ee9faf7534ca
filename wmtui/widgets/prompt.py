"""The line in which a filter or a command is typed; tab completes, up and down bring back what was typed before."""

from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.suggester import Suggester
from textual.widgets import Input, Static
from textual.widgets.input import Selection

from wmtui.messages import Said

SIGNS = {"filter": "/", "find": "/", "command": ":"}


Candidates = Callable[[str], Sequence[str]]
"""The lines that a line may become."""


class Completing(Suggester):
    """The first of them, as Textual shows it behind the cursor."""

    def __init__(self, candidates: Candidates) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._candidates = candidates

    async def get_suggestion(self, value: str) -> str | None:
        return next((line for line in self._candidates(value) if line.startswith(value) and line != value), None)


class Line(Input):
    def __init__(self) -> None:
        super().__init__(compact=True, select_on_focus=False, id="line")
        self.cursor_blink = False
        self.history: list[str] = []
        self.candidates: Candidates | None = None
        self._at = 0
        self._offered: Sequence[str] = ()
        self._completed = ""  # a word that was completed, with the blank behind it
        self._over = False  # it was entered or left, and is about to go

    def begin(self, text: str, history: Sequence[str], candidates: Candidates | None) -> None:
        """`text` is chosen as a whole: the first key takes its place, the arrows keep it."""
        self.candidates, self._offered, self._over = candidates, (), False
        self.suggester = Completing(candidates) if candidates is not None else None
        self.history, self._at = [*history, text], len(history)
        self.value = text
        self.selection = Selection(0, len(text))

    def on_key(self, event: events.Key) -> None:
        """Enter is not left to Textual, which looks at the line only when the key has been offered to all around it:
        what was typed behind it would be part of the command by then."""
        match event.key:
            case _ if self._over:
                pass  # no part of it, nor a second enter
            case "enter":
                self._over = True
                self.post_message(self.Submitted(self, self.value))
            case "escape":
                self._leave()
            case "tab":
                self._complete()
            case "space" if self.value and self.value == self._completed:
                self._completed = ""  # whoever types the blank has it already
            case "up" | "down":
                self._at = max(0, min(self._at + (1 if event.key == "down" else -1), len(self.history) - 1))
                self.value = self.history[self._at]
                self.action_end()
            case "backspace" if not self.value:
                self._leave()
            case _:
                return
        event.stop()
        event.prevent_default()

    def _leave(self) -> None:
        self._over = True
        self.post_message(Said("", None))

    def _complete(self) -> None:
        """The first candidate; pressed again, the next one. The only one gets a blank behind it: the next word."""
        if self.candidates is not None:
            if self.value not in self._offered:
                self._offered = [line for line in self.candidates(self.value) if line != self.value]
            if len(self._offered) == 1:
                self.value = self._completed = f"{self._offered[0]} "
                self._offered = ()
            elif self._offered:
                at = self._offered.index(self.value) + 1 if self.value in self._offered else 0
                self.value = self._offered[at % len(self._offered)]
        self.action_end()


class Prompt(Horizontal):
    """Not there until it is asked for."""

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.kind = ""
        self._history: dict[str, list[str]] = {kind: [] for kind in SIGNS}

    def compose(self) -> ComposeResult:
        yield Static("", id="sign", markup=False)
        yield Line()

    @property
    def line(self) -> Line:
        return self.query_one(Line)

    def begin(self, kind: str, text: str, candidates: Candidates | None) -> None:
        self.kind = kind
        self.query_one("#sign", Static).update(SIGNS[kind])
        self.line.begin(text, self._history[kind], candidates)
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
