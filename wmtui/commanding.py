"""A typed command, carried out: what a key would do, with the same questions."""

import shlex
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from wmcore.errors import NotFound, UsageError
from wmcore.protocol.messages import JobClass, Pool, Status
from wmtui import commandline, fleetdesk, judging, opening
from wmtui.filtering import said_of
from wmtui.keymap import VIEWS
from wmtui.orders import Order
from wmtui.printing import clean
from wmtui.verbs.failed import check_selection, filter_of
from wmtui.verbs.steer import REQUESTS, parse_recycle, parse_scale

if TYPE_CHECKING:
    from wmtui.app import ConsoleApp


def carry_out(app: "ConsoleApp", line: str) -> None:
    """Raises UsageError, NotFound: what was typed makes no sense, or names what is not there."""
    verb, args = commandline.parse(line)
    if verb in commandline.VERBS and app.main.view is app.main.fleet_view and app.main.fleet_view.pane.marks:
        _to_marked(app, verb, args, line)
    else:
        ACTIONS[verb](app, args)


def _to_marked(app: "ConsoleApp", verb: str, args: Namespace, line: str) -> None:
    """A daemon is not told about the others' slots and jobs, and many may share one list of failed jobs."""
    if verb not in REQUESTS:
        raise UsageError(f"{verb} is for one daemon: u takes the marks away, enter goes into one")
    request, show = REQUESTS[verb](args)
    words = shlex.split(line)
    order = Order(tuple(words[1:] if words[0] == "wmtui" else words), request, show)
    fleetdesk.give(app, order, app.main.fleet_view.marked_sessions())


def _status(app: "ConsoleApp") -> Status:
    if app.status is None:
        raise NotFound("nothing is known of this daemon yet")
    return app.status


def _pools(app: "ConsoleApp", name: str | None) -> list[Pool]:
    pools = _status(app).pools
    found = [pool for pool in pools if name is None or pool.name == name]
    if not found:
        raise NotFound(f"there is no pool {name!r}; {commandline.nearest(name or '', [pool.name for pool in pools])}")
    return found


def _pool(app: "ConsoleApp", name: str | None) -> Pool:
    found = _pools(app, name)
    if len(found) > 1:
        raise UsageError(f"which pool? {', '.join(pool.name for pool in found)}")
    return found[0]


def _class(app: "ConsoleApp", name: str) -> JobClass:
    found = next((each for each in _status(app).classes if each.name == name), None)
    if found is None:
        known = [each.name for each in _status(app).classes]
        raise NotFound(f"there is no class {name!r}; {commandline.nearest(name, known)}")
    return found


def _scale(app: "ConsoleApp", args: Namespace) -> None:
    request = parse_scale(args.words)
    pool = _pool(app, request.pool)
    to = request.to if request.to is not None else max(0, pool.wanted + (request.by or 0))
    app.steering.scale(pool, to)


def _drain(app: "ConsoleApp", args: Namespace) -> None:
    pools = _pools(app, args.pool)
    if len(pools) == 1:
        app.steering.drain(pools[0])
    else:
        app.steering.drain_daemon()


def _resume(app: "ConsoleApp", args: Namespace) -> None:
    pools = [pool for pool in _pools(app, args.pool) if args.pool or pool.state == "draining"]
    if not pools:
        app.say("nothing is draining")
    elif len(pools) == 1:
        app.steering.resume(pools[0])
    else:
        app.steering.resume_daemon()


def _recycle(app: "ConsoleApp", args: Namespace) -> None:
    request = parse_recycle(args.which)
    if request.slot is None:
        app.steering.recycle_pool(_pool(app, request.pool))
        return
    found = [child for child in _status(app).children if child.slot == request.slot]
    if not found:
        raise NotFound(f"there is no child in slot {request.slot}")
    app.steering.recycle(found)


def _kill(app: "ConsoleApp", args: Namespace) -> None:
    found = [child for child in _status(app).children if child.slot == args.slot and child.pid]
    if not found:
        raise NotFound(f"there is no child in slot {args.slot}")
    app.steering.kill(found)


def _failed(app: "ConsoleApp", args: Namespace) -> None:
    if args.action == "show":
        opening.record(app, args.id)
        return
    if args.action in ("list", "groups") or args.all:
        asked = filter_of(args)
        app.main.show_failed(asked, said_of(asked), grouped=args.action == "groups")
        if args.action in ("retry", "delete"):
            app.steering.bulk(args.action, app.session.failed.filter, app.session.failed_text)
        return
    check_selection(args)
    (app.steering.retry if args.action == "retry" else app.steering.delete)(args.ids)


def _jobs(app: "ConsoleApp", args: Namespace) -> None:
    app.main.show_view(3)
    named = (("state", args.state), ("id", args.id), ("uniqkey", args.uniqkey))
    words = [f"{name}:{value}" for name, value in named if value]
    words += args.text.split() if args.text else []
    if args.class_name is not None or words:
        name = "" if args.class_name is None else _class(app, args.class_name).name
        app.main.queue_view.show_jobs(name, " ".join(words))


def _log(app: "ConsoleApp", args: Namespace) -> None:
    app.main.show_view(5)
    app.main.log_view.choose("errorlog" if args.error else "log", args.level, args.text or "")


def _check(app: "ConsoleApp", args: Namespace) -> None:
    app.say(judging.line(judging.judge(_status(app), judging.Thresholds())).partition(" | ")[0])


def _view(app: "ConsoleApp", args: Namespace) -> None:
    wanted = args.words[0].lower() if args.words else ""
    found = [i for i, name in enumerate(VIEWS, 1) if wanted and (name.lower().startswith(wanted) or wanted == str(i))]
    if not found:
        raise UsageError(f"view: there is {', '.join(name.lower() for name in VIEWS)}")
    app.main.go_to_view(found[0])


def _sort(app: "ConsoleApp", args: Namespace) -> None:
    app.main.view.sort_by(args.words[0] if args.words else "")


def _daemon(app: "ConsoleApp", args: Namespace) -> None:
    wanted = args.words[0] if args.words else ""
    found = [each for each in app.sessions if wanted and wanted in each.called]
    if len(found) != 1:
        raise UsageError(f"daemon: one of {', '.join(each.called for each in app.sessions)}")
    app.go_to_daemon(found[0].name)


def _unknown_here(app: "ConsoleApp", args: Namespace) -> None:
    raise UsageError("that is not for in here: use wmtui in a shell")


ACTIONS: dict[str, Callable[["ConsoleApp", Namespace], None]] = {
    **dict.fromkeys(commandline.VERBS, _unknown_here),
    "status": lambda app, args: app.main.go_to_view(1),
    "children": lambda app, args: app.main.go_to_view(2),
    "scale": _scale,
    "drain": _drain,
    "resume": _resume,
    "pause": lambda app, args: app.steering.pause(_class(app, args.class_name)),
    "unpause": lambda app, args: app.steering.unpause(_class(app, args.class_name)),
    "recycle": _recycle,
    "kill": _kill,
    "stop": lambda app, args: app.steering.stop_daemon(args.now),
    "failed": _failed,
    "jobs": _jobs,
    "log": _log,
    "check": _check,
    "view": _view,
    "sort": _sort,
    "filter": lambda app, args: app.main.view.set_filter(" ".join(args.words)),
    "daemon": _daemon,
    "hold": lambda app, args: app.toggle_hold(),
    "export": lambda app, args: app.main.view.action_export(),
    "help": lambda app, args: app.action_help(),
    "detach": lambda app, args: app.action_detach(),
    "quit": lambda app, args: app.action_detach(),
}


def told(error: Exception) -> str:
    return clean(str(error))
