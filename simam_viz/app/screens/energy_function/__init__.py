"""The page that derives the energy function."""
