"""What the person asks for: the instruction, its parser and its checks, tracks as other packs write them, examples."""
