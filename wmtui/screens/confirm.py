"""The dialog over everything that stops or destroys. Enter does nothing in it, and its keys work only after a moment:
a key that was meant for the list behind must not answer the question."""

import time
from collections.abc import Callable

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from wmtui.glyphs import Glyphs
from wmtui.questions import Question

ARMED_AFTER_SECONDS = 0.3
GIVEN_UP_AFTER_SECONDS = 30.0
LONGEST_NUMBER = 7


class Confirm(ModalScreen[bool | None]):
    """True only for y (or for the right number and enter); everything else, and half a minute of nothing, is no. None:
    the question has lost its ground."""

    AUTO_FOCUS = ""
    def __init__(self, question: Question, glyphs: Glyphs, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(classes="-ascii" if glyphs.ascii_only else "")
        self.question = question
        self.typed = ""
        self._clock = clock
        self._shown_at = clock()

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(self._text(), id="question", markup=False)

    def on_mount(self) -> None:
        self._shown_at = self._clock()
        self.set_timer(GIVEN_UP_AFTER_SECONDS, self.action_no)

    @property
    def armed(self) -> bool:
        return self._clock() - self._shown_at >= ARMED_AFTER_SECONDS

    def on_key(self, event: events.Key) -> None:
        """No key goes further: the one that closes the dialog would be looked up in the screen behind it as well."""
        event.stop()
        event.prevent_default()
        if event.key in ("n", "escape"):
            self.action_no()
        elif self.armed and self.question.number is not None:
            self._type(event)
            self.query_one("#question", Static).update(self._text())
        elif self.armed and event.character == "y":
            self.dismiss(True)

    def action_no(self) -> None:
        if self.is_current:
            self.dismiss(False)

    def withdraw(self) -> None:
        if self.is_current:
            self.dismiss(None)

    def _type(self, event: events.Key) -> None:
        if event.key == "backspace":
            self.typed = self.typed[:-1]
        elif event.character is not None and event.character in "0123456789" and len(self.typed) < LONGEST_NUMBER:
            self.typed += event.character
        elif event.key == "enter" and self.typed == str(self.question.number):
            self.dismiss(True)

    def _text(self) -> Text:
        question = self.question
        text = Text.assemble((question.title, "bold"), "\n\n", "\n".join(question.lines), "\n\n")
        if question.number is None:
            return text.append("y", "bold").append(f" {question.yes}    ").append("n", "bold").append(" or esc: cancel")
        text.append(f"type {question.number} and enter to {question.yes}: ")
        text.append(f" {self.typed}_ ", "reverse")
        return text.append("   esc: cancel")
