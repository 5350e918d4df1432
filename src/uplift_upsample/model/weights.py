"""Weight files in the layout of the official code: Keras 2 HDF5, one group per top-level layer; of other networks, per weight.

Read by group name and position, never by a weight's own name, because those carry counters that differ from file to file. A file
must be consumed completely and fill every weight. Files written here load in the official code.
Source: docs/method.md, "Weight files".
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.hdf5_writing import writing_hdf5
from uplift_upsample.data.weight_files import read_weight_file
from uplift_upsample.model.backend import keras
from uplift_upsample.model.lifting import Entry, LiftingNetwork
from uplift_upsample.model.network import TransformerBlock, UpliftUpsampleNetwork

KERAS_VERSION = b"2.4.0"  # of the official code; decides how it reads the file
_HEADS = ("temporal_fc", "strided_temporal_fc")


def _entries(prefix: str, layer: Any, *names: str) -> list[Entry]:
    return [Entry(f"{prefix}/{name}:0", getattr(layer, name), tuple(getattr(layer, name).shape)) for name in names]


def _dense(prefix: str, layer: Any) -> list[Entry]:
    return _entries(prefix, layer, *(("kernel", "bias") if layer.use_bias else ("kernel",)))


class _Counter:
    """The running numbers that Keras 2 gives to layers of one kind: ``dense``, ``dense_1``, ..."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def __call__(self, kind: str) -> str:
        number = self.counts.get(kind, 0)
        self.counts[kind] = number + 1
        return f"{kind}_{number}" if number else kind


def _block(block: TransformerBlock, unique: _Counter) -> list[Entry]:
    is_strided = block.stride is not None
    norm_1 = _entries(f"{block.name}/{unique('layer_normalization')}", block.norm_1, "gamma", "beta")
    attention_name = f"{block.name}/{unique('mha')}"
    attention = block.attention
    projections = [
        entry
        for layer in (attention.query, attention.key, attention.value, attention.projection)
        for entry in _dense(f"{attention_name}/{unique('dense')}", layer)
    ]
    norm_2 = _entries(f"{block.name}/{unique('layer_normalization')}", block.norm_2, "gamma", "beta")
    mlp_name = f"{block.name}/{unique('strided_mlp' if is_strided else 'mlp')}"
    layer_kind = "conv1d" if is_strided else "dense"
    mlp_1 = _dense(f"{mlp_name}/{unique(layer_kind)}", block.mlp_1)
    mlp_2 = _dense(f"{mlp_name}/{unique(layer_kind)}", block.mlp_2)
    if is_strided:  # the file has a convolution of kernel 1 where the network has the equal Dense layer
        mlp_1[0] = mlp_1[0]._replace(shape=(1, *mlp_1[0].shape))
    return [*norm_1, *projections, *norm_2, *mlp_1, *mlp_2]


def _batch_norm(layer: Any) -> list[Entry]:
    return _entries(layer.name, layer, "gamma", "beta", "moving_mean", "moving_variance")


def weight_groups(network: LiftingNetwork) -> dict[str, list[Entry]]:
    """The groups of a weight file in the order of the official code, each with its weights in order.

    Of other networks, each weight is a group of its own, under the name that it has in their published files.
    """
    if not isinstance(network, UpliftUpsampleNetwork):
        return {entry.name: [entry] for entry in network.entries()}
    spatial, temporal = network.spatial, network.temporal
    unique = _Counter()
    groups: dict[str, list[Entry]] = {}
    if spatial.blocks:
        groups["keypoint_embedding"] = _dense("keypoint_embedding", spatial.keypoint_embedding)
    groups["token_dropout"] = []
    encodings = [spatial.spatial_pe] if spatial.blocks else []
    for layer in [*encodings, temporal.temporal_pe, *temporal.strided_pes]:
        groups[layer.name] = [Entry(f"{layer.name}/positional_encoding_weights:0", layer.encoding, tuple(layer.encoding.shape))]
    tokens = {
        "learnable_masked_token_layer": temporal.token_dropout.replacement,
        "strided_input_token_layer": temporal.upsampling_token,
    }
    for name, token in tokens.items():
        if token is not None:
            groups[name] = [Entry(f"{name}/learnable_masked_token:0", token.token, tuple(token.token.shape))]
    for block in spatial.blocks:
        groups[block.name] = _block(block, unique)
    if spatial.blocks:
        groups["spatial_norm"] = _entries("spatial_norm", spatial.spatial_norm, "gamma", "beta")
    groups["spatial_to_temporal_fc"] = _dense("spatial_to_temporal_fc", spatial.spatial_to_temporal_fc)
    for block in (*temporal.blocks, *temporal.strided_blocks):
        groups[block.name] = _block(block, unique)
    heads = ((temporal.temporal_norm, temporal.temporal_fc), (temporal.strided_temporal_norm, temporal.strided_temporal_fc))
    for norm, head in heads:  # the official reader goes by this order
        if norm is not None:
            groups[norm.name] = _batch_norm(norm)
        if head is not None:
            groups[head.name] = _dense(head.name, head)
    return groups


def network_variables(network: LiftingNetwork) -> list[keras.Variable]:
    """Every weight, trainable or not, in the order of a weight file."""
    return [entry.variable for entries in weight_groups(network).values() for entry in entries]


def in_file_order(network: LiftingNetwork, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Values of all weights in the order of ``network_variables``, from a list that may be older than 2026-11-28.

    Older ones have both norms of ``output_bn`` before both heads. Where neither order fits, the list is returned as it is.
    """
    entries = [(name, entry) for name, group in weight_groups(network).items() for entry in group]
    former = sorted(range(len(entries)), key=lambda index: entries[index][0] in _HEADS)  # heads last, all else as it is
    result = list(arrays)
    if [array.shape for array in arrays] == [tuple(entries[index][1].variable.shape) for index in former]:
        for index, array in zip(former, arrays, strict=True):
            result[index] = array
    return result


def load_weights(network: LiftingNetwork, path: str | os.PathLike[str]) -> None:
    """Fill a network from a weight file.

    Raises ``InputError`` listing everything that is missing, left over, of another shape or not finite; the network is then
    as it was.
    """
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, which is an error below
        stored = {name: [array.astype(np.float32) for array in arrays] for name, arrays in read_weight_file(path).items()}
    stored = {name: arrays for name, arrays in stored.items() if not name.endswith(network.ignored)}
    faults: list[str] = []
    values: list[tuple[keras.Variable, np.ndarray]] = []
    for group, entries in weight_groups(network).items():
        arrays = stored.pop(group, [])
        for index, entry in enumerate(entries):
            name = group if group == entry.name else f"{group}[{index}] ({entry.name.removesuffix(':0')})"
            if index >= len(arrays):
                faults.append(f"missing: {name} {entry.shape}")
            elif arrays[index].shape != entry.shape:
                faults.append(f"shape {arrays[index].shape} instead of {entry.shape}: {name}")
            elif not np.isfinite(arrays[index]).all():
                faults.append(f"not finite: {name}")
            else:
                values.append((entry.variable, entry.from_file(arrays[index])))
        faults += [f"left over: {group}[{index}] {array.shape}" for index, array in enumerate(arrays) if index >= len(entries)]
    faults += [f"left over: group {group}, {len(arrays)} weights" for group, arrays in stored.items() if arrays]
    if faults:
        raise InputError(f"{path}: these weights do not fit the configured network:\n  " + "\n  ".join(faults))
    for variable, array in values:
        variable.assign(array)


def save_weights(network: LiftingNetwork, path: str | os.PathLike[str], values: list[np.ndarray] | None = None) -> None:
    """Write a weight file that the official code reads, whole or not at all.

    values: arrays to write instead of the network's own, in the order of ``network_variables`` (averaged weights).
    """
    groups = weight_groups(network)
    arrays = iter(values if values is not None else [keras.ops.convert_to_numpy(v) for v in network_variables(network)])
    with writing_hdf5(path) as file:
        file.attrs["layer_names"] = np.array([name.encode() for name in groups])
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = KERAS_VERSION
        for name, entries in groups.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = np.array([entry.name.encode() for entry in entries])
            for entry in entries:
                data = entry.to_file(np.asarray(next(arrays), np.float32))
                group.create_dataset(entry.name, data=data, track_times=False)
