"""Floor 5: what is done with payloads. Models, rows, observables, actions, calls; and what asks for them."""
