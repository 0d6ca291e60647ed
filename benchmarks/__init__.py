"""
Benchmarks: this library beside the real VortexPY 6.2.2, in one table from one command.

    python -m benchmarks [--quick] [--only codec,routing] [--ratios]

The two share an import name, so each contender is a process of its own. They take turns: in every round
each is measured once, in an order that is rotated from round to round, and what counts is the ratio within
a round. So a machine that is slower for a minute is slower for both. Absolute numbers say something about
the machine they were measured on, ratios about the two libraries.

`programs/` holds what runs in these processes: the contenders, and the load client that connects to those
that serve. They import nothing from here. Everything else drives them.
"""
