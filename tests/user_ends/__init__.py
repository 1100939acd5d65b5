"""P18 under load: `users.end` against all that may race with it, over three nodes, one of them failing.

`python -m tests.user_ends --trials 10000`; the seeds are printed. `make test` runs a few of each kind.
"""
