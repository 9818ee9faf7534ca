"""What all screens of the console have in common: they know their app, and show what is to be said."""

from typing import TYPE_CHECKING, Any, cast

from textual.screen import ModalScreen, Screen

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
