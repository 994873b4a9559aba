"""What is kept on disk: job folders, their index, settings, prompts, secrets. Nothing is opened at import."""
