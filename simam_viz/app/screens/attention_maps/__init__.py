"""The page that leads from the network to a neuron."""
