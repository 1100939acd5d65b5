"""What clients of three nodes saw while a nemesis was at work, and the checker of it.

`python -m tests.histories --histories 2000`; seeds are printed and replay. `make test` runs a seeded sample.
"""
