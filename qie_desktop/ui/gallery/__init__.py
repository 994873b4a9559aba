"""The right side: everything that was made, and what is being made."""
