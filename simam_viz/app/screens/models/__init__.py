"""The page of networks and their cards."""
