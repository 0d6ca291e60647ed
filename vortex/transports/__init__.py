"""Floor 3: what carries frames, and the driver that brings a session and a transport together."""
