"""Architectures, where SimAM stands in them, private copies, counting."""
