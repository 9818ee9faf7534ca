"""docs/keys.md, from the table of keys: `python -m wmtui.keypage > docs/keys.md`."""

from wmtui.keymap import DEFAULT, LISTS, TITLES, VIEWS, Key

HEAD = f"""# Keys of the console

Made from the table in `wmtui/keymap.py`. In the console `?` shows the same, for the view that is open; the lowest line
always names the most useful ones. The views: {", ".join(f"`{i}` {name}" for i, name in enumerate(VIEWS, 1))}.

Lower case looks, or can be undone. Upper case stops or destroys something, and always asks: `y`, or the number or the
name that is to be typed. Enter never answers such a question, and its keys work only after 0.3 s.

Your own keys stand in `$XDG_CONFIG_HOME/wmtui/keys.yml` (or `wmtui attach --keys FILE`), by the ids below:

    drain: ctrl+d
    scale.up: [u, "+"]

Keys are written as in these tables (`x`, `X`, `pgdn`, `esc`), with `ctrl+`, `alt+` or `shift+` before them, or `f1` to
`f24`; signs in quotes. A key that no terminal sends, and what would give two things one key, is refused at the start.
"""


def markdown() -> str:
    parts = [HEAD]
    for scope, title in TITLES:
        keys = DEFAULT.listed(scope)
        head = [f"## {title}", "", "| key | id | | where |", "|---|---|---|---|"]
        parts.append("\n".join([*head, *map(_row, keys), ""]))
    return "\n".join(parts)


def _row(key: Key) -> str:
    shown = " ".join(f"`{each}`" for each in key.shown.split())
    asks = " (asks)" if key.dangerous else ""
    where = ", ".join(LISTS[pane] for pane in key.panes)
    return f"| {shown} | {key.of or key.id} | {key.help}{asks} | {where} |"


if __name__ == "__main__":
    print(markdown(), end="")
