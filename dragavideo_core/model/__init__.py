"""The diffusion model: where it comes from, what it predicts, what it sees, and how it is tuned to a clip."""
