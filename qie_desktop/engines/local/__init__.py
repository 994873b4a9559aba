"""Models that run on this machine: Qwen-Image-Edit from a folder in the hub's layout and a GGUF file.

Nothing here imports torch, diffusers or transformers at module level. What does is in `inference/`: it is
imported inside functions, on the inference thread, when the first job runs.
"""
