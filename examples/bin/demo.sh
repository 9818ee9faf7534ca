#!/usr/bin/env bash
# The demonstration behind `make demo`: a daemon on SQLite (or Gearman, with a gearmand of its own) with the sandbox
# workers, a client that feeds it, and the console. Without a terminal: the status, once a second for ten seconds.
# Whatever it started is stopped at the end.
#
# usage: examples/bin/demo.sh [folder of wmcore and wmtui [Gearman]]
set -eu
cd "$(dirname "$0")/../.."
bin=${1:-.venv/bin}
case ${2:-TheSchwartz} in
    TheSchwartz) name=sandbox-sqlite ;;
    Gearman) name=sandbox-gearman ;;
    *) echo "there is no type $2: TheSchwartz or Gearman" >&2; exit 2 ;;
esac
conf=examples/$name.yml
pidfile=examples/run/$name.pid
daemon='' client='' console='' gearmand=''

alive() { kill -0 "$1" 2>/dev/null; }

stop() {
    code=$?
    trap - EXIT
    for started in $console $client; do
        kill "$started" 2>/dev/null || true
        wait "$started" 2>/dev/null || true
    done
    if [ -n "$daemon" ] && alive "$daemon"; then
        kill -TERM "$daemon" # jobs in hand are finished
        for _ in $(seq 100); do
            alive "$daemon" || break
            sleep 0.1
        done
        ! alive "$daemon" || kill -INT "$daemon" 2>/dev/null || true
        echo "The daemon is stopped. Its log: examples/log/$name.log"
    fi
    [ -z "$gearmand" ] || kill "$gearmand" 2>/dev/null || true
    exit "$code"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if [ "$name" = sandbox-gearman ]; then
    PATH=$PATH:/usr/sbin
    command -v gearmand >/dev/null || { echo "there is no gearmand: apt-get install gearman-job-server" >&2; exit 1; }
    gearmand --listen 127.0.0.1 --port 14730 --log-file "$PWD/examples/log/gearmand.log" \
        --pid-file "$PWD/examples/run/gearmand.pid" --worker-wakeup 1 --round-robin &
    gearmand=$!
fi
"$bin/wmcore" --init-db -f "$conf"
"$bin/wmcore" -f "$conf" # returns when the daemon is ready, or says why it is not
daemon=$(cat "$pidfile")
"$bin/python" examples/bin/client.py "$conf" --rate 20 2>>examples/log/client.log &
client=$!

if [ -t 0 ] && [ -t 1 ]; then
    # In the background, with the terminal: while it waits for a foreground command, bash would not hear the end of it.
    "$bin/wmtui" attach "$conf" <&0 &
    console=$!
    wait "$console" && code=0 || code=$?
    console=''
    exit "$code"
else
    for _ in $(seq 10); do
        "$bin/wmtui" status -t "$conf"
        sleep 1
    done
fi
