#!/bin/sh
# Compiles the tests of the DPDK library with the address and undefined behaviour sanitizers,
# against the shared libraries of the installed DPDK, and runs them. Ends with "N passed, N failed".
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

cc=${CC:-cc}
flags="-std=gnu11 -O1 -g -Wall -Wextra -Werror
  -fsanitize=address,undefined -fno-sanitize-recover=all"
# DPDK's inline functions are compiled into ours: as system headers, so that only our warnings
# count.
dpdk=$(pkg-config --cflags libdpdk | sed 's/-I/-isystem /g')
libraries="-Wl,--no-as-needed -lrte_net_memif -lrte_net_ring -lrte_net_null -lrte_mempool_ring
  -Wl,--as-needed -lrte_ethdev -lrte_mempool -lrte_mbuf -lrte_ring -lrte_eal -lrte_bus_vdev"
sources="oskr_dpdk.c dpdk/burst.c dpdk/burst_guard.c dpdk/frame.c dpdk/link.c dpdk/fabric.c"
sources="$sources dpdk/delay.c dpdk/sequencer.c tests/dpdk_test.c tests/dpdk_fabric_peers.c"

# DPDK keeps memory for its own lifetime, which is the process's: the cases look for leaks of
# packets in the pools instead.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=0
passed=0
failed=0
tests="dpdk_port_test dpdk_mtu_test dpdk_memif_test dpdk_fabric_test dpdk_network_test"
tests="$tests dpdk_sequencer_test"
for name in $tests; do
  # shellcheck disable=SC2086
  "$cc" $flags $dpdk $sources "tests/$name.c" -o "$work/$name" $libraries
  status=0
  "$work/$name" >"$work/output" 2>&1 || status=$?
  cat "$work/output"
  last=$(tail -n 1 "$work/output")
  counts=$(printf '%s\n' "$last" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
  # A program that died before its summary is a failure of its own.
  # shellcheck disable=SC2086
  set -- ${counts:-0 1}
  passed=$((passed + $1))
  failed=$((failed + $2))
  [ "$status" -eq 0 ] || [ "$2" -gt 0 ] || failed=$((failed + 1))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
