"""The paper's mathematics, SimAM as a module, and the modules that it is compared with."""
