"""The outside world: network, processes, installs, locks. Nothing here prints, and nothing here knows pytest."""
