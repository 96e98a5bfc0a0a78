"""What developers run, and the package does without."""
