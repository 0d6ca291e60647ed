"""Floor 4: one vortex, who is connected to it, and how it is served."""
