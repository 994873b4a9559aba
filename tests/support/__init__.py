"""What several test modules share: a tiny checkpoint, the stock pipeline over it, a loopback server."""
