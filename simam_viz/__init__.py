"""SimAM Viz: see the parameter-free 3-D attention of SimAM (Yang et al., ICML 2021) inside a convolutional network."""

from . import version
from .analysis import Analysis, Block, Prepared, analyze, analyze_lambdas, analyze_together, prepare
from .checkpoints import CheckpointError, LoadedCheckpoint, list_checkpoints, load_checkpoint, wrap
from .comparison import ablate_blocks, compare
from .formulas import attention, energy, importance
from .images import ImageError, open_image
from .metrics import faithfulness
from .models import create_model, insert_simam
from .simam import SimAM

__version__ = version.VERSION

__all__ = [
    "Analysis",
    "Block",
    "CheckpointError",
    "ImageError",
    "LoadedCheckpoint",
    "Prepared",
    "SimAM",
    "ablate_blocks",
    "analyze",
    "analyze_lambdas",
    "analyze_together",
    "attention",
    "compare",
    "create_model",
    "energy",
    "faithfulness",
    "importance",
    "insert_simam",
    "list_checkpoints",
    "load_checkpoint",
    "open_image",
    "prepare",
    "wrap",
]
