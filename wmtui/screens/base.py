"""What all screens of the console have in common: they know their app, and show what is to be said."""

from typing import TYPE_CHECKING, Any, cast

from textual.screen import ModalScreen, Screen

from wmtui import keymap
from wmtui.widgets.drawing import bindings
from wmtui.widgets.textline import TextLines

if TYPE_CHECKING:
    from wmtui.app import ConsoleApp


class Shown:
    """A screen that is told when something changes."""

    def picture_changed(self) -> None:
        """A status came, the connection changed, or a second has passed."""

    def notice_changed(self) -> None:
        """There is something else to say in the status line."""


class ConsoleScreen(Screen[None], Shown):
    AUTO_FOCUS = ""

    @property
    def console_app(self) -> "ConsoleApp":
        return cast("ConsoleApp", self.app)


class ConsoleModal(ModalScreen[Any], Shown):
    """Over the whole screen and opaque: one that lets the screen below through would repaint it all the time."""

    AUTO_FOCUS = ""

    @property
    def console_app(self) -> "ConsoleApp":
        return cast("ConsoleApp", self.app)


class Reading(ConsoleModal):
    """A text over the whole screen, with a status line of its own; the keys of the views lead out of it."""

    BINDINGS = bindings(keymap.VIEW_KEYS)

    def on_mount(self) -> None:
        """Where the console is being left at the same time there is nothing in it."""
        if self.children:
            self.opened()

    @property
    def built(self) -> bool:
        return self.is_mounted and bool(self.children)

    def opened(self) -> None:
        """What is in it is there."""

    def action_view(self, number: int) -> None:
        self.console_app.go_to_view(number)

    def notice_changed(self) -> None:
        if self.built:
            notice = self.console_app.notice_cell()
            self.query_one("#status", TextLines).set_lines([[notice]] if notice else [])

    def picture_changed(self) -> None:
        self.notice_changed()
