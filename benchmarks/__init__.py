"""How fast SimAM Viz is: ``python -m benchmarks`` measures it beside the floor and beside its peers, in one run."""
