"""What has changed between two frames, and how it is merged over the first; pure, for both sides of the socket."""

from typing import Any

import msgspec

from wmcore.protocol.messages import Child, Status, StatusRows

_MEMBERS = {field.encode_name: (field.name, field.type) for field in msgspec.structs.fields(Status)}
_ROWS = ("children", "classes")


def members(before: Status, now: Status) -> dict[str, Any]:
    """The top-level members that changed, whole."""
    pairs = ((name, getattr(before, attribute), getattr(now, attribute)) for name, (attribute, _) in _MEMBERS.items())
    return {name: new for name, old, new in pairs if old != new}


def rows(before: Status, now: Status) -> StatusRows:
    """Of children and classes only the rows that changed."""
    changed = {name: value for name, value in members(before, now).items() if name not in _ROWS}
    rest = {child.slot: child for child in before.children}
    children = [child for child in now.children if rest.pop(child.slot, None) != child]
    classes = [new for old, new in zip(before.classes, now.classes, strict=False) if old != new]
    if [each.name for each in before.classes] != [each.name for each in now.classes]:  # after a reload
        changed["classes"], classes = now.classes, []
    return StatusRows(changed=changed, children=children, gone=list(rest), classes=classes)


def merged(before: Status, news: StatusRows) -> Status:
    """The frame that `news` makes of the one before: rows that did not change are the same objects. Members that this
    version does not know are left out. Raises msgspec.ValidationError."""
    known = ((*_MEMBERS[name], value) for name, value in news.changed.items() if name in _MEMBERS)
    changed = {attribute: msgspec.convert(value, kind) for attribute, kind, value in known}
    if news.children or news.gone:
        changed["children"] = _children(before, news)
    if news.classes:
        new = {each.name: each for each in news.classes}
        changed["classes"] = [new.get(each.name, each) for each in changed.get("classes", before.classes)]
    return msgspec.structs.replace(before, **changed)


def _children(before: Status, news: StatusRows) -> list[Child]:
    by_slot = {child.slot: child for child in (*before.children, *news.children)}
    gone = set(news.gone)
    return [by_slot[slot] for slot in sorted(by_slot) if slot not in gone]
