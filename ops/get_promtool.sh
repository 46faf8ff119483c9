#!/usr/bin/env bash
# Print where promtool is; take it out of Debian's package "prometheus" if the machine has none.
# Nothing is installed or started: the package is unpacked into build/tools.
set -euo pipefail
cd "$(dirname "$0")/.."
if command -v promtool; then exit; fi
mkdir -p build/tools
# Of several who ask at once, one unpacks and the others wait.
exec 9>build/tools/.unpacking
flock 9
if [ ! -x build/tools/usr/bin/promtool ]; then
    cd build/tools
    if ! apt-get download -qq prometheus 2>/dev/null; then
        apt-get update -qq
        apt-get download -qq prometheus
    fi
    dpkg-deb --extract prometheus_*.deb .
    rm prometheus_*.deb
    cd ../..
fi
echo "$PWD/build/tools/usr/bin/promtool"
