"""Downloads in the window, from a hub on loopback, by processes of their own."""
