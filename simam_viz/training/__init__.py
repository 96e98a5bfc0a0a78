"""How the bundled checkpoints were made: data, recipe, evaluation and the commands around them.

Everything random in a run is a pure function of its seed and the number of the step, and never of the network. So a
killed run goes on exactly as if nothing had happened, and twins with and without SimAM see the same batches.
"""
