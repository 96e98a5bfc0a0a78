"""A pure function of a network and photos, done here, in processes of this machine, or on a Ray cluster."""
