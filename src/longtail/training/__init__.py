"""Stage 1: the training loop, checkpoints and feature extraction."""
