#!/bin/sh
# Compiles the tests of oskr_native with the address and undefined behaviour sanitizers (those of
# threads with the thread sanitizer as well), and runs them. Ends with
# "N passed, N failed".
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

cc=${CC:-cc}
flags="-std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -pthread"
sources="sha256.c region.c merkle.c walk.c onetime.c signer.c doorbell.c udp.c profile.c process.c"
passed=0
failed=0

# run NAME SANITIZERS
run() {
  # shellcheck disable=SC2086
  "$cc" $flags "-fsanitize=$2" -fno-sanitize-recover=all $sources "tests/$1.c" -o "$work/$1" \
    -lsecp256k1
  echo "$1 ($2)"
  status=0
  "$work/$1" >"$work/output" 2>&1 || status=$?
  cat "$work/output"
  counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$work/output")
  # A program that died before its summary is a failure of its own, as is one that a sanitizer
  # ended.
  # shellcheck disable=SC2086
  set -- ${counts:-0 1}
  passed=$((passed + $1))
  failed=$((failed + $2))
  [ "$status" -eq 0 ] || [ "$2" -gt 0 ] || failed=$((failed + 1))
}

run native_merkle_test address,undefined
run native_onetime_test address,undefined
run native_signer_test address,undefined
run native_udp_test address,undefined
run native_udp_runs_test address,undefined
run native_udp_mtu_test address,undefined
run native_process_test address,undefined
run native_profile_test address,undefined
run native_doorbell_test address,undefined
run native_onetime_test thread
run native_signer_test thread
run native_doorbell_test thread
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
