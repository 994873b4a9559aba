"""The parts of the loopback hub: repositories, faults, and answers over HTTP."""
