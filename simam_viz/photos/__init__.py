"""Bytes nobody can trust → a safe, upright sRGB image; limits; samples."""
