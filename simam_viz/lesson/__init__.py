"""The derivation of the energy function, with numbers."""
