#!/bin/sh
# The processes of a run on this host: what Ansible has no module for. In the run's directory:
#
#   process.sh start NAME PROGRAM ARGS...  runs PROGRAM, its output to NAME.log, its id to NAME.pid
#   process.sh ready NAME SECONDS          waits until a replica or sequencer says that it takes part
#   process.sh watch NAME SECONDS          fails as soon as it has ended
#   process.sh silence NAME                kills it, as the run wants it
#   process.sh census NAME DIRECTORY       prints what it publishes in a run's directory, four times a
#                                          second, as base64; "-" while it does not run
#   process.sh stop                        ends all that was started, and kills what does not end
#
# A failure is told with the end of NAME.log.
set -u
home=$(cd "$(dirname "$0")" && pwd -P)
stop_seconds=10

fail() { # NAME PROBLEM
  printf '%s %s: %s\n' "$1" "$2" "$(tail -n 5 "$1.log" 2>&1)" >&2
  exit 1
}

# Whether the process of a file NAME.pid runs: another may have its number by now.
runs() { # FILE
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] &&
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -q "^$home/"
}

start() { # NAME PROGRAM ARGS...
  name=$1
  shift
  # What DPDK and bun leave behind stays in the run's directory.
  mkdir -p -m 700 tmp
  TMPDIR=$PWD/tmp RUNTIME_DIRECTORY=$PWD/tmp "$@" >"$name.log" 2>&1 &
  echo $! >"$name.pid"
  wait $! || {
    status=$?
    how="ended with status $status"
    [ "$status" -le 128 ] || how="ended by SIG$(kill -l $((status - 128)))"
    # Whoever watches it, or reads the log alone, is told as well.
    echo "$name $how" >>"$name.log"
    fail "$name" "$how"
  }
}

# Messages begin with the time. Some protocols begin by asking each other, and say later that they began, or recovered.
takes_part() { # NAME
  line=$(grep -E '^([0-9T:.-]+Z )?[a-z]+ [0-9]+ of [0-9]+ runs ' "$1.log" 2>/dev/null) || return 1
  case $line in *', starting' | *', recovering')
    grep -Eq '^([0-9T:.-]+Z )?replica [0-9]+ (began|recovered)( in run [0-9a-f]{8})?$' "$1.log" ;;
  esac
}

ready() { # NAME SECONDS
  tenths=$(($2 * 10))
  until takes_part "$1"; do
    # Its id is written a moment after it was started.
    [ ! -e "$1.pid" ] || runs "$1.pid" || fail "$1" 'ended'
    [ "$tenths" -gt 0 ] || fail "$1" "does not take part after $2 seconds"
    tenths=$((tenths - 1))
    sleep 0.1
  done
}

watch() { # NAME SECONDS
  seconds=$2
  while [ "$seconds" -gt 0 ]; do
    runs "$1.pid" || fail "$1" 'ended'
    seconds=$((seconds - 1))
    sleep 1
  done
}

# Until nobody reads what it prints.
census() { # NAME DIRECTORY
  while :; do
    if runs "$2/$1.pid" && [ -s "$2/$1.census" ]; then
      base64 -w 0 "$2/$1.census" && echo
    else
      echo -
    fi || return
    sleep 0.25
  done
}

silence() { # NAME
  runs "$1.pid" || fail "$1" 'ended'
  kill -KILL "$pid"
  rm "$1.pid"
}

stop() {
  for file in *.pid; do
    if runs "$file"; then kill -TERM "$pid" && echo "stopped ${file%.pid}"; fi
  done
  tenths=$((stop_seconds * 10))
  for file in *.pid; do
    while runs "$file"; do
      [ "$tenths" -gt 0 ] || kill -KILL "$pid"
      tenths=$((tenths - 1))
      sleep 0.1
    done
    rm -f "$file"
  done
}

case ${1:-} in
start | ready | watch | census | silence | stop) "$@" ;;
*)
  echo "process.sh: '${1:-}': expected start, ready, watch, census, silence or stop" >&2
  exit 2
  ;;
esac
