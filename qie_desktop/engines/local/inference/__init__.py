"""What runs on the inference thread, and nowhere else: importing anything from here imports torch."""
