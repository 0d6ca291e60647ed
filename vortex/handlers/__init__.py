"""Floor 5: what is done with payloads. Models that are built on request, and who hears of their changes."""
