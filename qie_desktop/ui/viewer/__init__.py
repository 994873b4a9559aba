"""The middle: the picture, before and after, and how far the work is."""
