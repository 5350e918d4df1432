"""What a network costs: parameters and multiply-accumulates, from its configuration alone, in exact numbers.

Counted are the products of Dense layers, of attention and of convolutions, as deep-learning profilers do (which give twice as many
floating point operations: a multiplication and an addition each). Not counted is what grows with the number of tokens and channels
only: norms, softmax, activations, biases, residuals, position encodings, interpolation between predicted frames. N tokens,
J joints, C width, H hidden width ``int(C * mlp_ratio)``:

    spatial stage, one 2D pose   J*2*C_s + blocks(J, C_s) + J*C_s*C_t         (2*J*C_t without spatial blocks)
    block of N tokens            4*N*C*C (query, key, value, projection) + 2*N*N*C (logits, mixing) + 2*N*C*H (MLP)
    strided block, N to N'       the same, its second MLP layer a convolution of kernel 3: N*C*H + N'*3*H*C
    heads                        C_t*3*J for the central token; N times that for the sequence (training, other read-outs)
    interpolated tokens          N*N*C_t, if upsampling_token asks for it

The networks that it is compared with, their blocks with the same terms, H as configured:

    VideoPose3D          N/w_1*w_1*2J*C, then for each block of N' frames N'*(w + 1)*C*C; a window computes no others
    PoseFormer           spatial J*2*C_s + blocks(J, C_s); temporal blocks(N, J*C_s) and N*J*C_s for the weighted mean
    StridedTransformer   spatial 2J*C; temporal and strided blocks; heads as above

Nothing here imports a deep-learning framework. Source: docs/method.md, "Network" and "The systems around the paper".
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uplift_upsample.base.errors import InputError
from uplift_upsample.plan.evaluation import Readout
from uplift_upsample.plan.network_base import NetworkConfig, Products
from uplift_upsample.plan.networks import ModelConfig, PoseFormer, StridedTransformer, VideoPose3D


@dataclass(frozen=True)
class NetworkCost:
    """Cost of a network with 2D poses on every ``s_in``-th frame.

    parameters: all weights of the paper's network; of the others those that are trained, as their publications count them.
    multiply_accumulates: of one window and its central 3D pose, without mirroring. by_stage: the parts of that sum, ``spatial``,
    ``temporal``, ``strided``, ``head``. The spatial stage runs for the 2D poses in the window only, ``num_input_poses`` of them.
    spatial_per_pose: of one 2D pose in the spatial stage. sequence_head: a head on every token, for
    the loss and for the read-outs sequence and both.
    """

    parameters: int
    multiply_accumulates: int
    by_stage: dict[str, int]
    num_input_poses: int
    spatial_per_pose: int
    sequence_head: int
    s_in: int
    s_out: int

    def per_pose_of(self, readout: Readout, hop: int, windows_per_token: float = 1) -> float:
        """Multiply-accumulates for each 3D pose of a 50 Hz video, without mirroring.

        A window every ``hop`` tokens, poses between two tokens interpolated; the spatial stage once for each 2D pose, every s_in
        frames, because neighbouring windows share theirs. There is no work for a head that the read-out does not use.
        windows_per_token: how often the temporal stages run for each token, more than once where frames between tokens do not
        come by interpolation, or not between the poses of one window.
        """
        window = self.by_stage["temporal"] + (0 if readout == "central" else self.sequence_head)
        window += 0 if readout == "sequence" else self.by_stage["strided"] + self.by_stage["head"]
        return windows_per_token * window / (self.s_out * hop) + self.spatial_per_pose / self.s_in


def network_cost(model: NetworkConfig, s_in: int) -> NetworkCost:
    """The cost of a network at one stride of 2D poses, in frames at 50 Hz.

    Windows see one 2D pose more or less, depending on how the mask lies; counted is the larger number, ceil(N * s_out / s_in).
    Raises ``InputError`` for a stride that the network cannot be used with.
    """
    if faults := model.s_in_faults(s_in):
        raise InputError(faults[0])
    num_input_poses = -(-model.num_tokens * model.s_out // s_in)
    products = _FORMULAS.get(type(model), type(model).products)(model)
    by_stage = {
        "spatial": num_input_poses * products.spatial,
        "temporal": products.temporal,
        "strided": products.strided,
        "head": products.head,
    }
    return NetworkCost(
        parameters=products.parameters,
        multiply_accumulates=sum(by_stage.values()),
        by_stage=by_stage,
        num_input_poses=num_input_poses,
        spatial_per_pose=products.spatial,
        sequence_head=products.sequence_head,
        s_in=s_in,
        s_out=model.s_out,
    )


def _uplift_upsample(model: ModelConfig) -> Products:
    joints, narrow, wide, length = model.num_joints, model.spatial_dim, model.temporal_dim, model.num_tokens
    hidden, narrow_hidden = int(wide * model.mlp_ratio), int(narrow * model.mlp_ratio)
    spatial = joints * 2 * wide
    parameters = _dense(joints * 2, wide)
    if model.spatial_blocks:
        spatial = joints * 2 * narrow + model.spatial_blocks * _block(joints, narrow, narrow_hidden) + joints * narrow * wide
        parameters = _dense(2, narrow) + joints * narrow  # and position encoding
        parameters += model.spatial_blocks * _block_parameters(narrow, narrow_hidden, has_bias=model.qkv_bias)
        parameters += 2 * narrow + _dense(joints * narrow, wide)
    steps = zip(model.strided_lengths, model.strided_lengths[1:], strict=False)
    parameters += wide * (int(model.has_strided_input) + int(model.learnable_masked_token))
    parameters += wide * (length + sum(model.strided_lengths[:-1]))
    parameters += model.temporal_blocks * _block_parameters(wide, hidden, has_bias=model.qkv_bias)
    parameters += len(model.strides) * _block_parameters(wide, hidden, has_bias=model.qkv_bias, kernel=3)
    head = _dense(wide, joints * 3) + (4 * wide if model.output_bn else 0)
    is_interpolated = model.has_strided_input and model.upsampling_token == "interpolated"
    return Products(
        parameters=parameters + head * (2 if model.has_sequence_head else 1),
        spatial=spatial,
        temporal=model.temporal_blocks * _block(length, wide, hidden) + (length * length * wide if is_interpolated else 0),
        strided=sum(_block(before, wide, hidden, after) for before, after in steps),
        head=wide * 3 * joints,
        sequence_head=length * wide * 3 * joints if model.has_sequence_head else 0,
    )


def _videopose3d(model: VideoPose3D) -> Products:
    flat, width, widths = 2 * model.num_joints, model.channels, model.filter_widths
    lengths = [model.num_tokens // math.prod(widths[: index + 1]) for index in range(len(widths))]
    inner = [(w + 1) * width * width for w in widths[1:]]  # a convolution of this width, and one of width 1
    parameters = widths[0] * flat * width + sum(inner) + 2 * width * (2 * len(widths) - 1) + _dense(width, 3 * model.num_joints)
    temporal = lengths[0] * widths[0] * flat * width + sum(map(math.prod, zip(lengths[1:], inner, strict=True)))
    return Products(parameters, 0, temporal, 0, width * 3 * model.num_joints)


def _poseformer(model: PoseFormer) -> Products:
    joints, narrow, wide, length = model.num_joints, model.spatial_dim, model.temporal_dim, model.num_tokens
    hidden, narrow_hidden = int(wide * model.mlp_ratio), int(narrow * model.mlp_ratio)
    parameters = _dense(2, narrow) + joints * narrow + length * wide  # and position encodings
    parameters += model.spatial_blocks * _block_parameters(narrow, narrow_hidden, has_bias=model.qkv_bias)
    parameters += model.temporal_blocks * _block_parameters(wide, hidden, has_bias=model.qkv_bias)
    parameters += 2 * (narrow + wide + wide) + _dense(length, 1) + _dense(wide, 3 * joints)  # norms, weighted mean, head
    return Products(
        parameters=parameters,
        spatial=joints * 2 * narrow + model.spatial_blocks * _block(joints, narrow, narrow_hidden),
        temporal=model.temporal_blocks * _block(length, wide, hidden) + length * wide,
        strided=0,
        head=wide * 3 * joints,
    )


def _strided_transformer(model: StridedTransformer) -> Products:
    joints, wide, hidden, length = model.num_joints, model.temporal_dim, model.hidden_dim, model.num_tokens
    steps = zip(model.strided_lengths, model.strided_lengths[1:], strict=False)
    parameters = _dense(2 * joints, wide) + 2 * wide + 2 * 2 * wide  # with a BatchNorm; two norms that are never used
    parameters += length * wide * (1 + model.num_encodings)
    parameters += model.temporal_blocks * _block_parameters(wide, hidden)
    parameters += len(model.strides) * _block_parameters(wide, hidden, kernel=3) + 2 * (2 * wide + _dense(wide, 3 * joints))
    return Products(
        parameters=parameters,
        spatial=2 * joints * wide,
        temporal=model.temporal_blocks * _block(length, wide, hidden),
        strided=sum(_block(before, wide, hidden, after) for before, after in steps),
        head=wide * 3 * joints,
        sequence_head=length * wide * 3 * joints,
    )


def _block(length: int, width: int, hidden: int, strided_length: int | None = None) -> int:
    """A transformer block of ``length`` tokens; a strided one leaves ``strided_length`` of them."""
    attention = 4 * length * width * width + 2 * length * length * width
    second = length * hidden * width if strided_length is None else strided_length * 3 * hidden * width
    return attention + length * width * hidden + second


def _block_parameters(width: int, hidden: int, *, has_bias: bool = True, kernel: int = 1) -> int:
    """Two norms, query, key and value, the projection, and the MLP, whose second layer may be a convolution."""
    qkv = 3 * _dense(width, width) if has_bias else 3 * width * width
    return 2 * 2 * width + qkv + _dense(width, width) + _dense(width, hidden) + _dense(kernel * hidden, width)


def _dense(inputs: int, outputs: int) -> int:
    """Kernel and bias."""
    return inputs * outputs + outputs


_FORMULAS: dict[type[NetworkConfig], Callable[[Any], Products]] = {
    ModelConfig: _uplift_upsample,
    VideoPose3D: _videopose3d,
    PoseFormer: _poseformer,
    StridedTransformer: _strided_transformer,
}
