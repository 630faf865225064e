"""Text becomes jobs. Pure: no pytest, network, process, clock, environment or unseeded chance."""
