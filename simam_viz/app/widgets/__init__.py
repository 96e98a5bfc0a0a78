"""Controls and pictures that several screens share."""
