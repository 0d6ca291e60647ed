#!/bin/sh
# Makes the environment in which the real VortexPY 6.2.2 is measured: the same interpreter and the same Twisted as ours.
# usage: setup.sh [PYTHON]     where: $VORTEX_BENCH_ENV, default ~/.cache/vortex-bench; PYTHON: the interpreter that runs ours
set -eu
python=${1:-python3}
dir=${VORTEX_BENCH_ENV:-$HOME/.cache/vortex-bench}/vortexpy
twisted=$("$python" -c 'import twisted; print(twisted.__version__)')
mine=$("$python" -c 'import platform; print(platform.python_version())')
ready() { [ "$(cat "$dir/.made-for" 2>/dev/null)" = "$mine $twisted" ]; }
if ! ready; then
    "$python" -m venv --clear "$dir"
    # service_identity: VortexPY needs it and does not say so.
    "$dir/bin/pip" --disable-pip-version-check install -q 'vortexpy==6.2.2' service_identity "Twisted==$twisted"
    echo "$mine $twisted" >"$dir/.made-for"
fi
