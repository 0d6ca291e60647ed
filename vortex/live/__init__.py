"""Floor 5: data that others watch - what is made, what has changed since, and who is told of it when."""
