#!/bin/sh
# The systemd units: no word systemd does not know, and an exposure of at most 1.5 on its scale of 0 (safe) to 10.
# usage: unit_file_test.sh SYSTEMD_ANALYZE SERVICE_FILE SOCKET_FILE
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# `verify` wants the program to exist; on a build machine it is not installed.
sed 's|^\(Exec[A-Za-z]*\)=/usr/sbin/tcpperfd |\1=/bin/true |' "$2" >"$folder/tcpperf.service"
if ! grep -q '^ExecStart=/bin/true ' "$folder/tcpperf.service"; then
  echo "the unit does not start /usr/sbin/tcpperfd" >&2
  exit 1
fi
# Unknown words are only warnings to `verify`: anything it says is a failure.
cp "$3" "$folder/tcpperf.socket"
if ! said=$("$1" verify --man=no "$folder/tcpperf.service" "$folder/tcpperf.socket" 2>&1) || [ -n "$said" ]; then
  echo "$said" >&2
  exit 1
fi
if ! "$1" security --no-pager --offline=true --threshold=15 "$folder/tcpperf.service" >"$folder/score"; then
  cat "$folder/score"
  exit 1
fi
tail -n 1 "$folder/score"
