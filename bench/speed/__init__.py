"""What a drag costs: floating-point operations counted, and time against a plain loop."""
