"""SimAM Viz: see the parameter-free 3-D attention of SimAM (Yang et al., ICML 2021) inside a convolutional network."""

from .analysis import Analysis, Block, analyze
from .checkpoints import CheckpointError, LoadedCheckpoint, list_checkpoints, load_checkpoint
from .comparison import compare
from .formulas import attention, energy, importance
from .images import ImageError, open_image
from .models import create_model
from .simam import SimAM

__version__ = "0.1.0"

__all__ = [
    "Analysis",
    "Block",
    "CheckpointError",
    "ImageError",
    "LoadedCheckpoint",
    "SimAM",
    "analyze",
    "attention",
    "compare",
    "create_model",
    "energy",
    "importance",
    "list_checkpoints",
    "load_checkpoint",
    "open_image",
]
