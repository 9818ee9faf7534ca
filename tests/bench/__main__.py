"""All parts, or those that are named: `python -m tests.bench [--quick] [--json FILE] [--on DATABASES] [PART ...]`."""

import sys

from tests.bench import (
    console,
    failed,
    fleet,
    floor,
    gearman,
    inserts,
    memory,
    million,
    mixed,
    pickup,
    recycle,
    throughput,
    viewers,
)  # fmt: skip
from tests.bench.common import bench_of_arguments, run_parts

PARTS = {
    "throughput": throughput.run,  # with the floor
    "pickup": pickup.run,
    "memory": memory.run,
    "recycle": recycle.run,
    "mixed": mixed.run,
    "million": million.run,
    "inserts": inserts.run,
    "gearman": gearman.run,
    "failed": failed.run,
    "viewers": viewers.run,
    "console": console.run,
    "fleet": fleet.run,
}


def main() -> None:
    bench, arguments = bench_of_arguments(tuple(PARTS))
    unknown = sorted(set(arguments.part) - {*PARTS, "floor"})
    if unknown:
        sys.exit(f"there is no part {unknown[0]}; there are floor, {', '.join(PARTS)}")
    chosen = {name: {**PARTS, "floor": floor.run}[name] for name in arguments.part}
    run_parts(bench, chosen, arguments.json)


if __name__ == "__main__":
    main()
