"""λ sweep. What it shows is in ``simam_viz/app/screens``."""

from simam_viz.app import frame

frame.run("pages/lambda_sweep.py")
