"""Figure. What it shows is in ``simam_viz/app/screens``."""

from simam_viz.app import frame

frame.run("pages/figure.py")
