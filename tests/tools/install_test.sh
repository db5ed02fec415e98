#!/bin/sh
# install puts every file where it belongs and leaves an existing configuration alone; uninstall takes back everything
# but the configuration. In a staging folder: the system is not touched.
# usage: install_test.sh CMAKE BUILD_FOLDER DEV
set -eu

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
export DESTDIR="$stage"

fail() {
  echo "$*" >&2
  find "$stage" -type f >&2
  exit 1
}
installed() { (cd "$stage" && find . -type f | sort | tr '\n' ' '); }

# rules_below FOLDER: the shipped rules there, each with a blank behind it.
rules_below() { (cd "$config" && find rules -name '*.yaml' | sort | sed "s|^|$1|" | tr '\n' ' '); }

config=$(dirname "$3")/config
configuration=$(rules_below ./etc/tcpperf/)
configuration="./etc/default/tcpperf $configuration./etc/tcpperf/tcpperf.yaml "
everything="$configuration./usr/lib/systemd/catalog/tcpperf.catalog ./usr/lib/systemd/system/tcpperf.service "
everything="$everything./usr/lib/systemd/system/tcpperf.socket ./usr/lib/sysusers.d/tcpperf.conf "
everything="$everything./usr/sbin/tcpperfd ./usr/share/bash-completion/completions/tcpperfd "
everything="$everything./usr/share/man/man5/tcpperf.yaml.5 ./usr/share/man/man8/tcpperfd.8 "
pristine=$(rules_below ./usr/share/tcpperf/)
everything="$everything./usr/share/tcpperf/dashboards/tcpperf.json $pristine./usr/share/tcpperf/tcpperf.yaml "
everything="$everything./usr/share/zsh/vendor-completions/_tcpperfd "

"$1" --install "$2" --prefix /usr >/dev/null
[ "$(installed)" = "$everything" ] || fail "not what install should put there:"
grep -qxF "ExecStart=/usr/sbin/tcpperfd --config.file=/etc/tcpperf/tcpperf.yaml \$ARGS" \
  "$stage/usr/lib/systemd/system/tcpperf.service" || fail "the unit does not start what was installed:"

echo '# mine' >"$stage/etc/tcpperf/tcpperf.yaml"
echo '# mine too' >"$stage/etc/tcpperf/rules/loss.yaml"
"$1" --install "$2" --prefix /usr >/dev/null
[ "$(cat "$stage/etc/tcpperf/tcpperf.yaml")" = '# mine' ] || fail "install overwrote the configuration:"
[ "$(cat "$stage/etc/tcpperf/rules/loss.yaml")" = '# mine too' ] || fail "install overwrote rules:"

"$3" uninstall >/dev/null
[ "$(installed)" = "$configuration" ] || fail "not what uninstall should leave:"

"$1" --install "$2" --prefix /opt/tcpperf >/dev/null
grep -qxF "ExecStart=/opt/tcpperf/sbin/tcpperfd --config.file=/opt/tcpperf/etc/tcpperf/tcpperf.yaml \$ARGS" \
  "$stage/opt/tcpperf/lib/systemd/system/tcpperf.service" || fail "the unit does not follow the prefix:"
grep -qxF 'EnvironmentFile=-/opt/tcpperf/etc/default/tcpperf' "$stage/opt/tcpperf/lib/systemd/system/tcpperf.service" ||
  fail "the unit does not read the flags below the prefix:"
[ -f "$stage/opt/tcpperf/etc/tcpperf/tcpperf.yaml" ] || fail "no configuration below the prefix:"
