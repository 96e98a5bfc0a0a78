"""Starts the app; this file stands for the page Overview. What it shows is in ``simam_viz/app/screens``."""

from simam_viz.app import frame

frame.run("app.py")
