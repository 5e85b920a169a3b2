"""From offsets to frames: denoising with them, smoothing, and the detail that codec and network lose."""
