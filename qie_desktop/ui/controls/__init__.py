"""The left side: what to make, of what, and how."""
