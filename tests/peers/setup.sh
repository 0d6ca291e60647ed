#!/bin/sh
# Makes the virtual environment in which the real VortexPY 6.2.2 runs (it imports neither with newer Twisted nor without service_identity),
# and beside it 2.4.1 and 0.3.0, which run_old.sh uses.
# usage: setup.sh [DIR]      default DIR: $VORTEX_PEER_VENV or ~/.cache/vortex-peer; PYTHON=python3.11 names the interpreter
set -eu
dir=${1:-${VORTEX_PEER_VENV:-$HOME/.cache/vortex-peer}}
works() { "$dir/bin/python" -I -W ignore -c 'import vortex.VortexFactory' 2>/dev/null; }
if ! { [ -x "$dir/bin/python" ] && works; }; then
    "${PYTHON:-python3}" -m venv "$dir"
    "$dir/bin/pip" --disable-pip-version-check install -q 'vortexpy==6.2.2' service_identity 'Twisted==25.5.0'
    works
fi
for version in 2.4.1 0.3.0; do
    old=$dir/old/$version
    [ -d "$old/vortex" ] || "$dir/bin/pip" --disable-pip-version-check install -q --no-deps --target "$old" "vortexpy==$version" Rx==1.6.1 txws six
done
