"""The keys `workers` and `pools`: which classes, in which groups of children."""

from collections.abc import Mapping
from dataclasses import replace

from wmcore.config import keys
from wmcore.config.records import ClassConfig, PoolConfig
from wmcore.config.source import Value
from wmcore.errors import UsageError

Entries = Mapping[str, Value]


def read_classes(root: Value) -> tuple[ClassConfig, ...]:
    """The top-level list, then what stands only in a pool, in the order of the file."""
    entries = root.entries()
    values = entries["workers"].items() if "workers" in entries else []
    for pool in _pool_values(entries):
        values = values + (pool.entries()["workers"].items() if "workers" in pool.entries() else [])
    if not values:
        (entries.get("workers") or root).wrong("no worker classes; list them under 'workers', as module.Class")
    top = len(entries["workers"].items()) if "workers" in entries else 0
    classes: list[ClassConfig] = []
    for number, value in enumerate(values):
        if number >= top and _index_of(value, classes) is not None:
            continue  # a pool names it again
        entry = _class(value)
        if entry.path in (known.path for known in classes if known.name == entry.name):
            value.wrong(f"class {entry.path} stands here twice; remove one of the two")
        classes.append(entry)
    return tuple(classes)


def read_pools(
    root: Value, classes: tuple[ClassConfig, ...], concurrency: int | None, works_per_child: int | None
) -> tuple[PoolConfig, ...]:
    """`concurrency` and `works_per_child`: the command line's, for the pool named default."""
    entries = root.entries()
    base = PoolConfig(
        "default", tuple(range(len(classes))), keys.CONCURRENCY.of(entries), keys.WORKS_PER_CHILD.of(entries)
    )
    values = _pool_values(entries)
    pools = [_pool(value, classes, base) for value in values] or [base]
    for index, entry in enumerate(classes):
        if not any(index in pool.classes for pool in pools):
            entries["pools"].wrong(f"no pool runs class {entry.path}; add it to the workers of one")
    return _with_command_line(pools, concurrency, works_per_child)


def _with_command_line(
    pools: list[PoolConfig], concurrency: int | None, works_per_child: int | None
) -> tuple[PoolConfig, ...]:
    if concurrency is not None and not 0 <= concurrency <= keys.MOST_CHILDREN:
        raise UsageError(f"-c {concurrency}: the number of children must be 0 to {keys.MOST_CHILDREN}")
    if works_per_child is not None and works_per_child < 1:
        raise UsageError(f"-w {works_per_child}: the number of jobs per child must be at least 1")
    if concurrency is None and works_per_child is None:
        return tuple(pools)
    if "default" not in (pool.name for pool in pools):
        names = ", ".join(pool.name for pool in pools)
        raise UsageError(
            f"-c and -w set the pool named default, but there are {names}; set concurrency and works_per_child in pools"
        )
    return tuple(
        replace(
            pool,
            concurrency=pool.concurrency if concurrency is None else concurrency,
            works_per_child=pool.works_per_child if works_per_child is None else works_per_child,
        )
        if pool.name == "default"
        else pool
        for pool in pools
    )


def _pool_values(entries: Entries) -> list[Value]:
    """Each under its name as key."""
    if "pools" not in entries or entries["pools"].data is None:
        return []
    values = list(entries["pools"].entries().values())
    if not values:
        entries["pools"].wrong("has no pool; name one, or remove the key")
    for value in values:
        value.refuse_unknown(keys.POOL)
    return values


def _pool(value: Value, classes: tuple[ClassConfig, ...], base: PoolConfig) -> PoolConfig:
    entries = value.entries()
    chosen = [_index_of(item, classes) for item in entries["workers"].items()] if "workers" in entries else []
    return PoolConfig(
        value.key,
        tuple(dict.fromkeys(index for index in chosen if index is not None)) or base.classes,
        base.concurrency if keys.CONCURRENCY.given(entries) is None else keys.CONCURRENCY.of(entries),
        base.works_per_child if keys.WORKS_PER_CHILD.given(entries) is None else keys.WORKS_PER_CHILD.of(entries),
    )


def _index_of(value: Value, classes: tuple[ClassConfig, ...] | list[ClassConfig]) -> int | None:
    """The class that an entry of a pool means: by path or queue name, or the same mapping."""
    if isinstance(value.data, dict):
        entry = _class(value)
        return classes.index(entry) if entry in classes else None
    return next((index for index, entry in enumerate(classes) if value.text() in (entry.path, entry.name)), None)


def _class(value: Value) -> ClassConfig:
    if not isinstance(value.data, dict):
        return ClassConfig(_dotted(value))
    value.refuse_unknown(keys.CLASS)
    entries = value.entries()
    if "class" not in entries:
        value.wrong("an entry needs its class; write {class: module.Class, ...}")
    limits = tuple((name, read(entries[name])) for name, read in keys.CLASS_LIMITS.items() if name in entries)
    return ClassConfig(_dotted(entries["class"]), _name(entries), limits)


def _name(entries: Entries) -> str | None:
    if "name" not in entries:
        return None
    name = entries["name"].text()
    if not name or len(name.encode()) > 255 or not name.isprintable() or " " in name:
        entries["name"].wrong("must be 1 to 255 characters without blanks; it is the name of the class in the queue")
    return name


def _dotted(value: Value) -> str:
    path = value.text()
    if "::" in path:
        python = path.replace("::", ".")
        value.wrong(
            f"{path} is the name of a Perl class; to run its jobs with a Python class write "
            f'{{class: {python}, name: "{path}"}}'
        )
    if "." not in path or not all(part.isidentifier() for part in path.split(".")):
        value.wrong(f"{path!r} is no dotted path to a class; write module.Class")
    return path
