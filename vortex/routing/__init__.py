"""Routing: who gets a payload, and how it is answered. Floor 2: no reactor, no transport."""
