#!/bin/sh
# Installs the programs that judge ours in the tests: with apt-get as root where it is there, npm's for anybody.
# What cannot be installed is said; its tests skip (and fail where CI=true).
cd "$(dirname "$0")/.." || exit 1
PATH="$PATH:/usr/sbin:/sbin"

wanted=""
want() { # PROGRAM PACKAGE...: the packages when the program is missing
  command -v "$1" >/dev/null 2>&1 || { shift; wanted="$wanted $*"; }
}
want openssl openssl
want curl curl
want nginx nginx-light
want go golang-go
want node nodejs npm
want chromium chromium
want g++ g++
want pkg-config pkg-config
want h2load nghttp2-client
want psql postgresql
want faketime faketime
want ip iproute2
want unzip unzip
want zbarimg zbar-tools
ls -d /usr/include/KPim*/KPkPass >/dev/null 2>&1 || wanted="$wanted libkpimpkpass-dev"

if [ -n "$wanted" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing the judges:$wanted"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >/dev/null
    # A daemon that comes with a package is not for us to start: the tests start their own on free ports.
    policy=/usr/sbin/policy-rc.d
    [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && trap 'rm -f "$policy"' EXIT; }
    # shellcheck disable=SC2086
    apt-get install -y -qq --no-install-recommends $wanted >/dev/null || for package in $wanted; do
      apt-get install -y -qq --no-install-recommends "$package" >/dev/null || echo "not installed: $package"
    done
  else
    echo "Missing here, so their tests will skip (as root, make test installs them):$wanted"
  fi
fi

if command -v npm >/dev/null 2>&1; then
  for project in tests/*/package.json tests/*/*/package.json; do
    folder=$(dirname "$project")
    case "$folder" in *node_modules*) continue ;; esac
    [ -e "$project" ] || continue
    [ "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ] ||
      npm ci --prefix "$folder" --silent --no-audit --no-fund || echo "npm ci did not work in $folder: its tests will skip"
  done
fi
exit 0
