"""`wmtui`: reads the command line, runs one verb. Loads nothing but the standard library until it knows which."""

import argparse
import errno
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from wmtui.loading import loading

if TYPE_CHECKING:
    from wmtui.verbs.base import Verb

DESCRIPTION = """Look at and steer a wmcore daemon.

  wmtui attach                    the console; ? in it shows its keys
  wmtui attach ssh://ops@web1 ssh://web2     one console for several daemons, near and far
  wmtui status                    what is going on, once
  wmtui top                       a line each few seconds, for serial consoles and screen readers
  wmtui scale +2                  two children more
  wmtui drain, wmtui resume       before and after maintenance
  wmtui failed list --class mail  what was given up, and why
  wmtui failed retry --all --class mail
"""
EXIT_CODES = """TARGET is a socket, a conf.yml or ssh://[user@]host[:port][/socket]; without one the daemon here is
meant. ssh runs wmtui there, or what $WMTUI_REMOTE says, such as "sudo -u app /opt/app/bin/wmtui".
exit: 0 done, 1 refused or failed, 2 usage, 3 no daemon there (check has a plug-in's own: check --help)"""


class CheckParser(argparse.ArgumentParser):
    """argparse ends a mistake with 2, which is CRITICAL to a monitor, and says it on stderr, where none looks."""

    def error(self, message: str) -> NoReturn:
        from wmtui import printing
        from wmtui.judging import State, failure, line

        printing.out(line(failure(State.UNKNOWN, f"{message} (see wmtui check --help)")))
        self.exit(State.UNKNOWN.exit_code)


def common_options(kind: type[argparse.ArgumentParser] = argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Understood before and behind the verb."""
    common = kind(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    common.add_argument(
        "-t", "--target", metavar="TARGET", help="a socket, a conf.yml or ssh://HOST; without it: the daemon here"
    )
    common.add_argument("--json", action="store_true", help="print the reply as JSON")
    return common


def build_parser(verbs: Sequence["Verb"], kind: type[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    from wmcore import __version__

    common = common_options()
    parser = kind(
        prog="wmtui", description=DESCRIPTION, epilog=EXIT_CODES, parents=[common], allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"wmtui {__version__}")
    parsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in verbs:
        each = parsers.add_parser(
            verb.name, help=verb.help, description=verb.help, epilog=verb.epilog, parents=[common], allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        each.set_defaults(run=verb.run)
        verb.arguments(each)
    return parser


def parse(argv: list[str], verbs: Sequence["Verb"]) -> argparse.Namespace:
    """The common options are taken out first: argparse would let one between two words end the list of words."""
    kind = CheckParser if is_check(argv) else argparse.ArgumentParser
    defaults = argparse.Namespace(target=None, json=False)
    common, rest = common_options(kind).parse_known_args(argv, defaults)
    return build_parser(verbs, kind).parse_args(rest, common)


def is_check(argv: Sequence[str]) -> bool:
    """Known before anything is parsed, because it decides how a mistake is said."""
    before = ["", *argv]
    return any(word == "check" and last not in ("-t", "--target") for last, word in zip(before, argv, strict=False))


MODULES = {
    "attach": ["attach"],
    "status": ["status", "children"],
    "top": ["top"],
    "steer": ["scale", "drain", "resume", "pause", "unpause", "recycle", "kill", "stop"],
    "failed": ["failed"],
    "jobs": ["jobs"],
    "log": ["log"],
    "check": ["check"],
    "proxy": ["proxy"],
}
"""Which module of `verbs` has which verbs, in the order of the help."""


NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Why stdout does not take what there is to say, where that is a file."""


def verbs_of(modules: Iterable[str]) -> "list[Verb]":
    return [verb for name in modules for verb in import_module(f"wmtui.verbs.{name}").VERBS]


def modules_for(argv: Sequence[str]) -> list[str]:
    """Only what the words on the command line may mean is loaded: `status` shall answer at once."""
    named = [module for module, verbs in MODULES.items() if not set(verbs).isdisjoint(argv)]
    return list(MODULES) if not named or not {"-h", "--help"}.isdisjoint(argv) else named


def main(argv: list[str] | None = None) -> int:
    """The exit code; argparse leaves by SystemExit(2), of `check` 3."""
    words = sys.argv[1:] if argv is None else argv
    sys.stdout = sys.stdout or os.fdopen(_nowhere(), "w")  # it is None where somebody wrote `>&-`
    sys.stderr = sys.stderr or os.fdopen(_nowhere(), "w")
    with loading():
        from wmcore.errors import WmError
        from wmtui import printing

        verbs = verbs_of(modules_for(words))
    try:
        args = parse(words, verbs)
        code: int = args.run(args)
        sys.stdout.flush()
    except WmError as error:
        printing.err(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `wmtui ... | head` has seen enough
        _write_no_more()
        return 0
    except OSError as error:
        if error.errno not in NOT_WRITTEN:
            raise
        _write_no_more()
        printing.err(f"what there is to say cannot be written: {error.strerror}")
        return 1
    return code


def _write_no_more() -> None:
    """At exit, Python would try again."""
    os.dup2(_nowhere(), sys.stdout.fileno())


def _nowhere() -> int:
    return os.open(os.devnull, os.O_WRONLY)


if __name__ == "__main__":
    sys.exit(main())
