"""Data sets with labels, and how good a network is on them."""
