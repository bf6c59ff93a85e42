# Sourced by namespaces.sh and lab.sh: network namespaces of one script, which vanish however it
# ends, with all that runs in them, as does the directory $work; and checks that are counted. The
# script may list processes to kill in $background, and what else to remove in $rubbish.
# shellcheck shell=sh

fail() {
  echo "${0##*/}: $1" >&2
  exit 2
}
[ "$(id -u)" -eq 0 ] || fail "needs root, to make network namespaces"
command -v ip >/dev/null || fail "needs ip; as root: apt-get install iproute2"

# Every namespace has the prefix, so what is there is what must go.
prefix="oskr-$$"
bridge="$prefix-bridge"
work=$(mktemp -d)
background=
rubbish=

namespaces() {
  ip netns list | cut -d ' ' -f 1 | grep "^$prefix-" || true
}

# end_all NAMESPACE: kills what runs in it, and what that has just started.
end_all() {
  while pids=$(ip netns pids "$1") && [ -n "$pids" ]; do
    # shellcheck disable=SC2086
    kill -KILL $pids 2>/dev/null || true
    sleep 0.1
  done
}

# Ends programs before namespaces, because one that runs would keep its namespace without a name.
cleanup() {
  trap - EXIT INT TERM
  for pid in $background; do kill -KILL "$pid" 2>/dev/null || true; done
  for name in $(namespaces); do
    end_all "$name"
    ip netns delete "$name"
  done
  # shellcheck disable=SC2086
  rm -rf "$work" $rubbish
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

passed=0
failed=0
log=
# check NAME COMMAND...: counts whether the command succeeds; if not, shows the end of $log.
check() {
  what=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok     $what"
  else
    failed=$((failed + 1))
    echo "FAILED $what"
    [ ! -f "$log" ] || tail -n 40 "$log" | sed 's/^/       /'
  fi
}

# The last lines of a script: what was checked, and whether all of it held.
conclude() {
  cleanup
  log=
  check 'nothing is left' [ -z "$(namespaces)" ]
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}
