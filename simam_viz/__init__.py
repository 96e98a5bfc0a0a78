"""SimAM Viz: see the parameter-free 3-D attention of SimAM (Yang et al., ICML 2021) inside a convolutional network."""

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from .draw.paper.making import figure

__version__ = version.VERSION


def __getattr__(name: str) -> object:
    """Imports ``figure`` when it is asked for: matplotlib's figures and fonts take half a second."""
    if name == "figure":
        from .draw.paper.making import figure

        return figure
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def show(
    network: LoadedCheckpoint, *, port: int | None = None, block: bool | None = None, browser: bool = False
) -> str:
    """Open the app on a network of this process, such as one in a notebook, and return its address.

    Arguments and errors as :func:`simam_viz.app.serving.show` has them. It blocks in a script only.
    """
    from .app import serving  # Streamlit takes a second to import

    return serving.show(network, port=port, block=block, browser=browser)


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
    "figure",
    "importance",
    "insert_simam",
    "list_checkpoints",
    "load_checkpoint",
    "open_image",
    "show",
    "wrap",
]
