#!/bin/sh
# run_old.sh VERSION ARGS…   runs old_peer.py (or SCRIPT=other.py) with VortexPY VERSION (2.4.1 or 0.3.0) from the package index; time bounded (LIMIT, default 90 s)
here=$(cd "$(dirname "$0")" && pwd)
dir=${VORTEX_PEER_VENV:-$HOME/.cache/vortex-peer}
[ -n "${VORTEX_PEER_IS_SET_UP:-}" ] || "$here/setup.sh" "$dir" || exit 1
version=$1; shift
ulimit -v 4000000
PYTHONPATH=$dir/old/$version:$here exec timeout -k 2 "${LIMIT:-90}" "$dir/bin/python" -W ignore "$here/${SCRIPT:-old_peer.py}" "$@"
