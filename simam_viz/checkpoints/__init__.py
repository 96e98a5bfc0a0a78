"""A file → safe tensors → matched weights → a network, with the card that says what is known of it."""
