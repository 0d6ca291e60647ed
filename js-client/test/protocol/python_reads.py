"""Messages as the Python library reads them: one a line comes in, its tuple as a notation goes out."""

from __future__ import annotations

import json
import sys

from tests.vector_files import notationOf
from tests.vector_types import registeredTypes
from vortex.errors import VortexError
from vortex.protocol.payload import Payload

with registeredTypes():
    for line in sys.stdin:
        try:
            [vec] = Payload.fromVortexMsg(json.loads(line).encode()).tuples
            print(json.dumps(notationOf(vec.v)))
        except VortexError as error:
            print(json.dumps(f"{type(error).__name__}: {error}"))
