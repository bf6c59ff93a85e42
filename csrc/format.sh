#!/bin/sh
# Formats the C sources; --check changes nothing and ends with status 1 if one is not formatted.
set -eu
cd "$(dirname "$0")"
files=$(find . -name '*.c' -o -name '*.h' | sort)
if [ "${1:-}" = --check ]; then
  # shellcheck disable=SC2086
  exec clang-format --dry-run -Werror $files
fi
if ! command -v clang-format >/dev/null; then
  echo 'C files stay as they are: no clang-format (Debian: apt-get install clang-format)' >&2
  exit 0
fi
# shellcheck disable=SC2086
exec clang-format -i $files
