"""What keeps a server of ours and ends it: the state directory, the leases, and the supervisor's process.

`python -m pytest_comfygen.engine.supervise` is a program of its own that lives as long as the server, so this package
imports little; `engine.server`, which starts it, imports from here and never the other way round.
"""
