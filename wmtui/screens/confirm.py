"""The dialog over everything that stops or destroys. Enter does nothing in it, and its keys work only after a moment:
a key that was meant for the list behind must not answer the question."""

import textwrap
import time
from collections.abc import Callable

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from wmtui.glyphs import Glyphs
from wmtui.printing import clean
from wmtui.questions import Question

ARMED_AFTER_SECONDS = 0.3
GIVEN_UP_AFTER_SECONDS = 30.0
LONGEST = 64
INDENT = 7
"""Cells that a line goes on below: behind the word in front of it."""
WIDTH = 68
MARGIN = 6
"""Cells of a narrow screen that its frame takes."""
SAME_LINES = 3
"""So much of a long command is shown; all of it is copied."""
COPY = "ctrl+y"
"""Works also where a word is typed."""


class Confirm(ModalScreen[bool | None]):
    """True only for y (or for the right number or name and enter); everything else, and half a minute of nothing, is
    no. None: the question has lost its ground."""

    AUTO_FOCUS = ""

    def __init__(
        self, question: Question, glyphs: Glyphs, grounds: Callable[[], str], copy: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """`grounds`: why it can not be done any more; empty while it can. `copy`: to the clipboard."""
        super().__init__(classes="-ascii" if glyphs.ascii_only else "")
        self.question = question
        self.grounds = grounds
        self.typed = ""
        self._copy = copy
        self._copied = False
        self._too_soon = False
        self._wrong = False
        self.given_up = False
        self._clock = clock
        self._shown_at = clock()

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(self._text(), id="question", markup=False)

    def on_mount(self) -> None:
        self._shown_at = self._clock()
        self._patience = self.set_timer(GIVEN_UP_AFTER_SECONDS, self._give_up)
        self._draw()

    @property
    def armed(self) -> bool:
        return self._clock() - self._shown_at >= ARMED_AFTER_SECONDS

    def on_key(self, event: events.Key) -> None:
        """No key goes further: the one that closes the dialog would be looked up in the screen behind it as well."""
        event.stop()
        event.prevent_default()
        if not self.is_current:  # answered already, by a key in the same read
            return
        self._patience.reset()
        if event.key == "escape" or (event.key == "n" and self.question.word is None):
            self.action_no()
        elif event.key == COPY and self.question.command:
            self._copy(self.question.command)
            self._copied = True
            self._draw()
        elif self.armed and self.question.typed is not None:
            self._type(event)
            self._draw()
        elif event.character == "y" and self.question.typed is None:
            if self.armed:
                self.dismiss(True)
            else:
                self._too_soon = True
                self._draw()

    def action_no(self) -> None:
        if self.is_current:
            self.dismiss(False)

    def _give_up(self) -> None:
        self.given_up = True
        self.action_no()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        for question in self.query("#question").results(Static):
            question.update(self._text())

    def withdraw(self) -> None:
        if self.is_current:
            self.dismiss(None)

    def _type(self, event: events.Key) -> None:
        self._wrong = False
        if event.key == "backspace":
            self.typed = self.typed[:-1]
        elif event.key == "ctrl+u":  # as in every other line that is typed here
            self.typed = ""
        elif event.key == "enter":
            self._wrong = bool(self.typed) and self.typed != self.question.typed
            if self.typed == self.question.typed:
                self.dismiss(True)
        elif self._takes(event.character) and len(self.typed) < LONGEST:
            self.typed += event.character or ""

    def _takes(self, character: str | None) -> bool:
        if character is None or not character.isprintable():
            return False
        return self.question.word is not None or character in "0123456789"

    def _text(self) -> Text:
        question, width = self.question, min(WIDTH, self.app.size.width - MARGIN)
        lines = [part for line in question.lines for part in _wrap(line, width)]
        text = Text.assemble((question.title, "bold"), "\n\n", "\n".join(lines), "\n\n")
        if question.typed is None:
            text.append("y", "bold").append(f" {question.yes}    ").append("n", "bold").append(" or esc: cancel")
            text.append("   that y came before this was read: again" if self._too_soon else "", "bold")
        else:
            text.append(f"type {clean(question.typed)} and enter to {question.yes}: ")
            text.append(f" {clean(self.typed)}_ ", "reverse").append("   esc: cancel")
            text.append(f"   that is not {clean(question.typed)}" if self._wrong else "", "bold")
        if question.command:
            same = _wrap(f"same:  {question.command}", width)
            if len(same) > SAME_LINES:
                same = [*same[: SAME_LINES - 1], " " * INDENT + "..."]
            same.append(" " * INDENT + ("copied" if self._copied else f"{COPY} copies it"))
            text.append("\n\n" + "\n".join(same), "dim")
        return text


def _wrap(line: str, width: int) -> list[str]:
    return textwrap.wrap(
        line, width, subsequent_indent=" " * INDENT, replace_whitespace=False, break_on_hyphens=False
    )
