"""What a drag made, in numbers, pictures and words."""
