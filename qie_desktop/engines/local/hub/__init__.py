"""Downloads from the Hugging Face hub into its own cache, and what is there of them."""
