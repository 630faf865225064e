"""For this repository's own tests: `pytester` runs pytest inside pytest."""

pytest_plugins = ["pytester"]
