"""Turns, memory, and work that goes on in sight."""
