"""The parts of the loopback server; `tests.support.replicate_server` puts them together."""
