"""Makes the bundled model: a renderer of cartoon clips with known answers, and what trains on them."""
