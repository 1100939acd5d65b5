"""P19 under load: clients come back while they are sent messages, and a node, a link or a balancer fails.

`python -m tests.recovery --trials 1000`; the seeds are printed. `make test` runs a few of each kind.
"""
