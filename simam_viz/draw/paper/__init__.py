"""Figures for a paper: photos × networks × quantities, drawn by matplotlib from one description."""
