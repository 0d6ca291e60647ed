"""Floor 6: what is run from a command line - ``vortex demo``, ``twistd vortex``."""
