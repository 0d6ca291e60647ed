"""Floor 5: SQLAlchemy and Vortex together. Nothing else in Vortex imports SQLAlchemy."""

from __future__ import annotations
