#!/bin/sh
# usage: check_with_promtool.sh PROMTOOL PRINTER: promtool must accept our text page without a word.
set -eu
page=$("$2" text)
remarks=$(printf '%s\n' "$page" | "$1" check metrics 2>&1) || {
  echo "promtool refused the page: $remarks"
  exit 1
}
[ -z "$remarks" ] || {
  echo "promtool complains: $remarks"
  exit 1
}
