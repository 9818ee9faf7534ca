"""`wmcore`: reads the command line, sets the environment, runs the daemon or one task. Mistakes end in one sentence."""

import argparse
import os
import sys
from typing import NoReturn

from wmcore import __version__
from wmcore.config.environment import apply_env
from wmcore.config.load import load
from wmcore.config.records import Config
from wmcore.errors import ConfigError, UsageError, WmError

USAGE = "usage: wmcore [-hdn] [-c concurrency] [-w works_per_child] -f conf_file\n"
HELP = (
    USAGE
    + """\
    -h   this help
    -d   debug
    -n   do not daemonize
    -c   number of concurrent children (default 4)
    -w   number of jobs per child process (default 100)
    -f   YAML configuration file

    -l   with -n: write the log files too

Also:
    wmcore --check-config -f conf_file         check configuration, worker classes and queue, then leave
    wmcore --init-db [--dry-run] -f conf_file  create the tables that are missing (--dry-run: print the SQL)
        --notify-trigger                       and a trigger: jobs of any client start at once (PostgreSQL)
    wmcore insert -f conf_file CLASS [JSON]    insert a job (wmcore insert -h)
    wmcore --version

Long forms: --help --debug --foreground --concurrency --works-per-child --conf --log-files
Without -f, the environment variable WMCORE_CONF names the file.
Exit: 0 done, 1 refused or failed, 2 usage or configuration.
"""
)


class _Parser(argparse.ArgumentParser):
    """argparse with the ancestor's usage."""

    def format_usage(self) -> str:
        return USAGE

    def format_help(self) -> str:
        return HELP

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{USAGE}wmcore: {message}; wmcore -h explains the options\n")


def whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="wmcore", allow_abbrev=False)
    add = parser.add_argument
    add("-d", "--debug", action="store_true")
    add("-n", "--foreground", action="store_true")
    add("-l", "--log-files", action="store_true")
    add("-c", "--concurrency", type=whole)
    add("-w", "--works-per-child", type=whole)
    add("-f", "--conf", default=os.environ.get("WMCORE_CONF") or None)
    add("--check-config", action="store_true")
    add("--init-db", action="store_true")
    add("--dry-run", action="store_true")
    add("--notify-trigger", action="store_true")
    add("--version", action="version", version=f"wmcore {__version__}")
    return parser


def main(argv: list[str] | None = None) -> int:
    """The exit code. The one door: what has a sentence for the user ends here as that sentence."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        code = _insert(arguments[1:]) if arguments[:1] == ["insert"] else _wmcore(arguments)
        sys.stdout.flush()
    except WmError as error:
        print(f"wmcore: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `wmcore --init-db --dry-run | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _wmcore(arguments: list[str]) -> int:
    args = _parser().parse_args(arguments)
    if args.conf is None:
        sys.stderr.write(HELP)
        return 2
    for option, given in (("--dry-run", args.dry_run), ("--notify-trigger", args.notify_trigger)):
        if given and not args.init_db:
            raise UsageError(f"{option} belongs to --init-db")
    if args.check_config and args.init_db:
        raise UsageError("--check-config and --init-db are two tasks; run one after the other")
    config = _configure(args.conf, args.concurrency, args.works_per_child)
    if args.check_config:
        from wmcore.tasks import check_config

        return check_config(config)
    if args.init_db:
        from wmcore.tasks import init_db

        return init_db(config, args.dry_run, args.notify_trigger)
    return _daemon(config, args)


def _configure(conf: str, concurrency: int | None = None, works_per_child: int | None = None) -> Config:
    """The configuration, its environment already in force."""
    config = load(conf, concurrency=concurrency, works_per_child=works_per_child)
    apply_env(config)
    return config


def _daemon(config: Config, args: argparse.Namespace) -> int:
    from wmcore import daemon
    from wmcore.config import places

    problems = places.problems(config, pidfile=not args.foreground, logs=args.log_files or not args.foreground)
    if problems:
        raise ConfigError("\nwmcore: ".join(problems))
    return daemon.run(
        config, daemon.RunOptions(foreground=args.foreground, debug=args.debug, write_logs=args.log_files)
    )


def _insert(arguments: list[str]) -> int:
    from wmcore import tasks

    args = tasks.insert_parser(whole).parse_args(arguments)
    if args.conf is None:
        raise UsageError("insert needs a configuration; name one with -f, or in WMCORE_CONF")
    return tasks.insert(_configure(args.conf), args)


if __name__ == "__main__":
    sys.exit(main())
