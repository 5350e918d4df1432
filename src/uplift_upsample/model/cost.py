"""What a network costs: parameters and multiply-accumulates, from its configuration alone, in exact numbers.

Counted are the products of Dense layers, of attention and of convolutions, as deep-learning profilers do (which give twice as many
floating point operations: a multiplication and an addition each). Not counted is what grows with the number of tokens and channels
only: norms, softmax, activations, biases, residuals, position encodings, interpolation between predicted frames. N tokens,
J joints, C width, H hidden width ``int(C * mlp_ratio)``:

    spatial stage, one 2D pose   J*2*C_s + blocks(J, C_s) + J*C_s*C_t         (2*J*C_t without spatial blocks)
    block of N tokens            4*N*C*C (query, key, value, projection) + 2*N*N*C (logits, mixing) + 2*N*C*H (MLP)
    strided block, N to N'       the same, its second MLP layer a convolution of kernel 3: N*C*H + N'*3*H*C
    heads                        C_t*3*J for the central token; N times that for the sequence, which only training needs

Nothing here imports a deep-learning framework. Source: docs/method.md, "Network".
"""

from dataclasses import dataclass

from uplift_upsample.base.errors import InputError
from uplift_upsample.plan.experiment import ModelConfig


@dataclass(frozen=True)
class NetworkCost:
    """Cost of a network with 2D poses on every ``s_in``-th frame.

    parameters: all weights, trainable or not.
    multiply_accumulates: of one window and its central 3D pose, without mirroring. by_stage: the parts of that sum, ``spatial``,
    ``temporal``, ``strided``, ``head``. The spatial stage runs for the 2D poses in the window only, ``num_input_poses`` of them.
    spatial_per_pose: of one 2D pose in the spatial stage. sequence_head: what training adds, a head on every token.
    """

    parameters: int
    multiply_accumulates: int
    by_stage: dict[str, int]
    num_input_poses: int
    spatial_per_pose: int
    sequence_head: int
    s_in: int
    s_out: int

    @property
    def per_pose(self) -> float:
        """Multiply-accumulates for each 3D pose of a 50 Hz video, without mirroring, as evaluation here computes them.

        One window every s_out frames, poses between two of them interpolated; the spatial stage once for each 2D pose, every s_in
        frames, because neighbouring windows share theirs.
        """
        window = self.multiply_accumulates - self.by_stage["spatial"]
        return window / self.s_out + self.spatial_per_pose / self.s_in


def network_cost(model: ModelConfig, s_in: int) -> NetworkCost:
    """The cost of a network at one stride of 2D poses, in frames at 50 Hz.

    Windows see one 2D pose more or less, depending on how the mask lies; counted is the larger number, ceil(N * s_out / s_in).
    Raises ``InputError`` for a stride that the network cannot be used with.
    """
    if faults := model.s_in_faults(s_in):
        raise InputError(faults[0])
    joints, width, length = model.num_joints, model.temporal_dim, model.num_tokens
    num_input_poses = -(-length * model.s_out // s_in)
    spatial = _spatial_stage(model)
    steps = zip(model.strided_lengths, model.strided_lengths[1:], strict=False)
    by_stage = {
        "spatial": num_input_poses * spatial,
        "temporal": model.temporal_blocks * _block(model, length, width),
        "strided": sum(_block(model, before, width, after) for before, after in steps),
        "head": width * 3 * joints,
    }
    return NetworkCost(
        parameters=_parameters(model),
        multiply_accumulates=sum(by_stage.values()),
        by_stage=by_stage,
        num_input_poses=num_input_poses,
        spatial_per_pose=spatial,
        sequence_head=length * width * 3 * joints if _has_sequence_head(model) else 0,
        s_in=s_in,
        s_out=model.s_out,
    )


def _spatial_stage(model: ModelConfig) -> int:
    joints, narrow, wide = model.num_joints, model.spatial_dim, model.temporal_dim
    if not model.spatial_blocks:
        return joints * 2 * wide
    return joints * 2 * narrow + model.spatial_blocks * _block(model, joints, narrow) + joints * narrow * wide


def _block(model: ModelConfig, length: int, width: int, strided_length: int | None = None) -> int:
    """A transformer block of ``length`` tokens; a strided one leaves ``strided_length`` of them."""
    hidden = _hidden(model, width)
    attention = 4 * length * width * width + 2 * length * length * width
    second = length * hidden * width if strided_length is None else strided_length * 3 * hidden * width
    return attention + length * width * hidden + second


def _parameters(model: ModelConfig) -> int:
    joints, narrow, wide, length = model.num_joints, model.spatial_dim, model.temporal_dim, model.num_tokens
    if model.spatial_blocks:
        embedding = _dense(2, narrow) + joints * narrow  # and position encoding
        spatial = embedding + model.spatial_blocks * _block_parameters(model, narrow) + 2 * narrow + _dense(joints * narrow, wide)
    else:
        spatial = _dense(joints * 2, wide)
    tokens = wide * (int(model.has_strided_input) + int(model.learnable_masked_token))
    encodings = wide * (length + sum(model.strided_lengths[:-1]))
    blocks = model.temporal_blocks * _block_parameters(model, wide)
    blocks += len(model.strides) * _block_parameters(model, wide, kernel=3)
    head = _dense(wide, joints * 3) + (4 * wide if model.output_bn else 0)
    return spatial + tokens + encodings + blocks + head * (2 if _has_sequence_head(model) else 1)


def _block_parameters(model: ModelConfig, width: int, kernel: int = 1) -> int:
    """Two norms, query, key and value, the projection, and the MLP, whose second layer may be a convolution."""
    hidden = _hidden(model, width)
    qkv = 3 * _dense(width, width) if model.qkv_bias else 3 * width * width
    return 2 * 2 * width + qkv + _dense(width, width) + _dense(width, hidden) + _dense(kernel * hidden, width)


def _dense(inputs: int, outputs: int) -> int:
    """Kernel and bias."""
    return inputs * outputs + outputs


def _hidden(model: ModelConfig, width: int) -> int:
    return int(width * model.mlp_ratio)


def _has_sequence_head(model: ModelConfig) -> bool:
    return bool(model.temporal_blocks and model.sequence_head)
