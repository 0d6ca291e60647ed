"""The protocols: what the bytes mean, without a socket, a clock or a reactor."""
