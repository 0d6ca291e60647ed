"""Who may come in at all: where a request comes from, and from whose page."""
