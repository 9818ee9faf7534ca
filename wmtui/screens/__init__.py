"""What the operator sees and does: the main screen with its views, and the dialogs over it."""
