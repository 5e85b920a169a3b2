"""The untorn warp: the dragged part as a puppet on a layer of its own, at source size, without a network."""
