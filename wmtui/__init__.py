"""wmtui: the terminal console of wmcore, and its one-shot commands."""
