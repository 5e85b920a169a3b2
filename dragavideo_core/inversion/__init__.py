"""Into the noise and back without a drag: DDIM inversion and the reference chain."""
