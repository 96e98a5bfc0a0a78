"""The page that compares heat maps."""
