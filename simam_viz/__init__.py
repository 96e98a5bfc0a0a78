"""SimAM Viz: see the parameter-free 3-D attention of SimAM (Yang et al., ICML 2021) inside a convolutional network."""

from . import version
from .checkpoints.loaded import LoadedCheckpoint
from .checkpoints.loading import load_checkpoint
from .checkpoints.store import list_checkpoints
from .checkpoints.weights_file import CheckpointError
from .checkpoints.wrapping import wrap
from .explain.ablation import ablate_blocks
from .explain.analysis import analyze, analyze_lambdas, analyze_together
from .explain.blocks import Analysis, Block
from .explain.metrics import faithfulness
from .explain.variants import compare
from .modules.formulas import attention, energy, importance
from .modules.simam import SimAM
from .networks.architectures import create_model
from .networks.lambdas import Times
from .networks.places import insert_simam
from .photos.bombs import ImageError
from .photos.images import open_image

__version__ = version.VERSION

__all__ = [
    "Analysis",
    "Block",
    "CheckpointError",
    "ImageError",
    "LoadedCheckpoint",
    "SimAM",
    "Times",
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
    "wrap",
]
