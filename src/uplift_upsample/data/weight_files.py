"""Reading weight files in the layout of the official code, Keras 2 HDF5, and checkpoints of PyTorch, without any framework.

Source: docs/method.md, "Weight files"; ``model.weights`` fills a network from one.
"""

import os
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.plain_hdf5 import CutOffError, PlainHdf5, plain_hdf5
from uplift_upsample.data.plain_npz import UnreadableError
from uplift_upsample.data.torch_checkpoints import is_torch_checkpoint, read_torch_checkpoint


def read_weight_file(path: str | os.PathLike[str]) -> dict[str, list[np.ndarray]]:
    """The arrays of a weight file: group -> weights in order. Raises ``InputError`` that names what another file is.

    Of a checkpoint of PyTorch each tensor is a group of its own.
    """
    if is_torch_checkpoint(path):
        return {name: [array] for name, array in read_torch_checkpoint(path).items()}
    try:
        with plain_hdf5(path) as file:
            # model.save() of Keras 2 puts the same layout one level deeper
            root = "model_weights/" if "layer_names" not in file.group("") and file.has("model_weights") else ""
            if not root and (kind := _other_kind(file)):
                raise UnreadableError(kind)
            groups = {name: f"{root}{name}" for name in _names(file.group(root.rstrip("/")), "layer_names")}
            return {
                name: [file.weights(f"{place}/{weight}") for weight in _names(file.group(place), "weight_names")]
                for name, place in groups.items()
            }
    except FileNotFoundError:
        raise InputError(f"{path}: no such weight file") from None
    except UnreadableError as error:
        fault = f"{error}"
        if isinstance(error, CutOffError):
            fault += "; get it again"
        elif fault.startswith(("a JSON file", "a text file")):
            fault += "; if it is the configuration, --config takes it"
        raise InputError(f"{path}: not a weight file of the official layout (Keras 2 HDF5): {fault}") from None


def _other_kind(file: PlainHdf5) -> str | None:
    """What an HDF5 file without the list of layers is, if its attributes show it."""
    if "layer_names" in file.group(""):
        return None
    if kind := file.text_attribute("format"):
        return f"it is a file of {kind}"
    if file.has("layers") or file.has("_layer_checkpoint_dependencies"):
        return "it has Keras 3's own layout; write the weights with uplift_upsample.model.weights.save_weights instead"
    return None


def _names(attributes: Any, key: str) -> list[str]:
    """The texts of an attribute, none of them twice. Raises ``UnreadableError`` where there is no such list."""
    if key not in attributes:
        raise UnreadableError(f"there is no attribute {key!r}")
    names = [name.decode() if isinstance(name, bytes) else str(name) for name in np.atleast_1d(attributes[key]).tolist()]
    if len(set(names)) < len(names):
        raise UnreadableError(f"the attribute {key!r} names something twice")
    return names
