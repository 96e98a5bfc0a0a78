"""How the bundled checkpoints were made: data, recipe, evaluation and the commands around them.

Which images are in a batch, and how they are cropped, is a pure function of the seed and the number of the step, and never of
the network or of the number of processes. So a killed run goes on exactly as if nothing had happened, and twins with and
without SimAM see the same batches.
"""
