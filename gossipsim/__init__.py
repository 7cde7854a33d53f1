"""A laboratory for asynchronous decentralized optimization."""
