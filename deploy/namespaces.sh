#!/bin/sh
# As root: joins network namespaces by a bridge, runs replicas and a client on DPDK's af_packet ports
# in them, and checks that operations were exchanged. Frames take the path of a lab's: Ethernet with
# MAC addresses of deploy/quad.config, foreign frames in between. Leaves nothing behind.
#
#   deploy/namespaces.sh [MODE [SECONDS]]     (unreplicated, 2; replicated modes run four replicas)
case ${1:-} in
-h | --help)
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
  exit 0
  ;;
esac
set -eu
mode=${1:-unreplicated}
seconds=${2:-2}
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=SCRIPTDIR/netns.sh
. "$root/deploy/netns.sh"
if [ ! -x "$root/replica" ] || [ ! -x "$root/client" ]; then
  fail "needs ./replica and ./client; run: npm run build"
fi

count=4
case $mode in [Uu]nreplicated*) count=1 ;; esac
export TMPDIR="$work" RUNTIME_DIRECTORY="$work"

# host NAME MAC: a namespace with one interface, eth0, on the bridge.
host() {
  ip netns add "$prefix-$1"
  ip link add "$1" netns "$bridge" type veth peer name eth0 netns "$prefix-$1" address "$2"
  ip -n "$bridge" link set "$1" master bridge up
  ip -n "$prefix-$1" link set eth0 up
}

# run NAME PROGRAM ARGS...: in its namespace, on its interface.
run() {
  name=$1
  program=$2
  shift 2
  exec ip netns exec "$prefix-$name" "$root/$program" -m "$mode" -c "$work/quad" "$@" \
    "--eal=--vdev=net_af_packet0,iface=eth0"
}

mac() {
  printf '12:34:56:%s:%s:%s' "$1" "$1" "$1"
}

ip netns add "$bridge"
ip -n "$bridge" link add bridge type bridge
ip -n "$bridge" link set bridge up
cp "$root/deploy/quad.config" "$work/quad.config"
for byte in aa bb cc dd; do
  grep -q "$(mac $byte)%0" "$work/quad.config" || fail "no $(mac $byte)%0 in deploy/quad.config"
done
cp "$root"/deploy/quad-*.pem "$work/"
host client "$(mac ee)"
i=0
for byte in aa bb cc dd; do
  [ "$i" -lt "$count" ] || break
  host "replica$i" "$(mac $byte)"
  (run "replica$i" replica -i "$i" --json "$work/replica$i.json") >"$work/replica$i.log" 2>&1 &
  background="$background $!"
  i=$((i + 1))
done

status=0
(run client client -t 8 -d "$seconds" --json "$work/client.json") || status=$?

# field NAME: a value of the client's record.
field() {
  sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" "$work/client.json" 2>/dev/null | head -n 1
}
operations=$(field operations)
echo "operations: ${operations:-none}"
check "the client ends with status 0" [ "$status" -eq 0 ]
check "operations were exchanged" [ "${operations:-0}" -gt 0 ]
check "over DPDK" [ "$(field transport)" = dpdk ]
i=0
for pid in $background; do
  check "replica $i still runs" kill -0 "$pid"
  kill -TERM "$pid" 2>/dev/null || true
  ended=0
  wait "$pid" || ended=$?
  check "replica $i stops cleanly when told" [ "$ended" -eq 0 ]
  [ "$ended" -eq 0 ] || sed "s/^/replica $i: /" "$work/replica$i.log"
  i=$((i + 1))
done
background=
conclude
