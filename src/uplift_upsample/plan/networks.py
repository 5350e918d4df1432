"""The networks. Each is a class that describes itself completely: its options, what fits together, what it can be used for.

``model: {network: ...}`` of a configuration names one. Its layers stand in a module of ``model``; nothing here needs a framework.
An option means the same in each network, and is described where it first stands. A network of your own is a file of ``model.own``
(docs/changing.md).
"""

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from uplift_upsample.base.skeleton import H36M_17
from uplift_upsample.base.strict import UNSAID_DEFAULT, Check
from uplift_upsample.plan.bounds import Count, Number, Rate, Ratio
from uplift_upsample.plan.network_base import NetworkConfig, block_activations, dense_faults, width_faults


@dataclass(frozen=True)
class ModelConfig(NetworkConfig):
    """The Uplift and Upsample Transformer. Source: docs/method.md, "Network"."""

    network: Literal["uplift_upsample"] = field(default="uplift_upsample", metadata=UNSAID_DEFAULT, kw_only=True)
    spatial_dim: Count = 32
    """Width C_s of the spatial stage."""
    temporal_dim: Count = 384
    """Width C_t of the temporal and strided stages."""
    spatial_blocks: Number = 4
    """Transformer blocks of the spatial stage."""
    temporal_blocks: Number = 4
    """Transformer blocks of the temporal stage."""
    strides: tuple[Count, ...] = (3, 3, 3)
    """Temporal stride of each strided block; together they lead from N tokens to one."""
    paddings: tuple[tuple[int, int], ...] | None = None
    """Zero tokens left and right of each strided block, 0 or 1; null, 1 and 1 everywhere."""
    num_heads: Count = 8
    """Attention heads."""
    mlp_ratio: Ratio = 2.0
    """Hidden width of an MLP over the width of its stage."""
    qkv_bias: bool = True
    """Biases of queries, keys and values."""
    drop_rate: Rate = 0.0
    """Dropout of embeddings and MLPs (probability)."""
    attention_drop_rate: Rate = 0.0
    """Dropout of attention weights (probability)."""
    drop_path_rate: tuple[Rate, Rate, Rate] = (0.1, 0.1, 0.0)
    """Probability of skipping a block: spatial, temporal, strided stage."""
    first_attention_layer: Number = 1
    """The first n temporal blocks do not attend to tokens without a 2D pose."""
    token_mask_rate: Rate = 0.0
    """Token dropout: probability that training hides a token that has a 2D pose; it stays a key, and is no masked token."""
    learnable_masked_token: bool = False
    """Token dropout replaces a hidden token by a learned one instead of zeros."""
    upsampling_token: Literal["learned", "zeros", "interpolated"] = field(default="learned", metadata=UNSAID_DEFAULT)
    """What masked tokens become: one learned vector, as in the paper; zeros; or that vector plus what lies linearly between the
    nearest visible tokens of the window."""
    output_bn: bool = False
    """Batch normalisation before the heads."""
    sequence_head: bool = True
    """Head with 3D poses of all tokens, for the loss and for the read-outs sequence and both."""

    def checks(self) -> tuple[Check, ...]:
        return (
            partial(width_faults, "temporal_dim"),
            partial(width_faults, "spatial_dim"),
            ModelConfig._attention_faults,
            ModelConfig._strided_faults,
        )

    def _attention_faults(self) -> list[str]:
        if self.temporal_blocks or not self.has_strided_input or self.first_attention_layer <= 1:
            return []
        return [
            f"first_attention_layer is {self.first_attention_layer} without temporal blocks; tokens are merged after the first "
            "strided block, so only 0 or 1 makes sense"
        ]

    def _strided_faults(self) -> list[str]:
        faults: list[str] = []
        if self.paddings is not None and len(self.paddings) != len(self.strides):
            return [f"paddings has {len(self.paddings)} entries for {len(self.strides)} strides"]
        length = self.num_tokens
        for index, (stride, (left, right)) in enumerate(zip(self.strides, self.strided_paddings, strict=True), start=1):
            if stride < 1 or left not in (0, 1) or right not in (0, 1):
                return [
                    *faults,
                    f"strided block {index}: stride {stride} must be at least 1 and its padding {[left, right]} made of 0 and 1",
                ]
            if stride == 1 and (left, right) != (1, 1):
                faults.append(
                    f"strided block {index}: stride 1 needs the padding [1, 1], not {[left, right]}; the residual would not fit"
                )
            if length + left + right < 3:
                return [*faults, f"strided block {index}: {length} tokens are too few for its kernel of 3"]
            length = -(-(length + left + right - 2) // stride)
        if self.strides and length != 1:
            faults.append(f"strides {list(self.strides)} leave {length} tokens of {self.num_tokens}; they must lead to exactly 1")
        return faults

    @property
    def strided_paddings(self) -> tuple[tuple[int, int], ...]:
        """Zero padding (left, right) of each strided block."""
        return self.paddings if self.paddings is not None else ((1, 1),) * len(self.strides)

    @property
    def strided_lengths(self) -> tuple[int, ...]:
        """Tokens at the input of each strided block, and at the end: N_0, N_1, ..."""
        lengths = [self.num_tokens]
        for stride, (left, right) in zip(self.strides, self.strided_paddings, strict=True):
            lengths.append(-(-(lengths[-1] + left + right - 2) // stride))
        return tuple(lengths)

    @property
    def why_no_sequence(self) -> str | None:
        if not self.temporal_blocks:
            return "it has no temporal blocks"
        return None if self.sequence_head else "sequence_head is off"

    @property
    def batch_norm(self) -> str | None:
        return "output_bn" if self.output_bn else None

    def activations(self) -> float:
        narrow, wide = self.spatial_dim, self.temporal_dim
        spatial = block_activations(self.num_joints, narrow, self.num_heads, narrow * self.mlp_ratio)
        lengths = [self.num_tokens] * self.temporal_blocks + list(self.strided_lengths[:-1])
        others = sum(block_activations(length, wide, self.num_heads, wide * self.mlp_ratio) for length in lengths)
        return self.num_tokens * self.spatial_blocks * spatial + others

    options_without_weights = NetworkConfig.options_without_weights | {
        *("drop_rate", "attention_drop_rate", "drop_path_rate", "token_mask_rate", "first_attention_layer")
    }


@dataclass(frozen=True)
class VideoPose3D(NetworkConfig):
    """Temporal convolutions (Pavllo et al., CVPR 2019). Source: docs/method.md, "The systems around the paper"."""

    joints = H36M_17
    has_fixed_pelvis = True
    s_out: Count = 1
    network: Literal["videopose3d"] = field(default="videopose3d", kw_only=True)
    filter_widths: tuple[Count, ...] = (3, 3, 3, 3, 3)
    """Frames that each convolution sees, as many of the former one's; their product is num_tokens."""
    channels: Count = 1024
    """Channels of the convolutions."""
    drop_rate: Rate = 0.25

    def checks(self) -> tuple[Check, ...]:
        return (dense_faults, VideoPose3D._filters_faults)

    def _filters_faults(self) -> list[str]:
        widths, reach = list(self.filter_widths), math.prod(self.filter_widths)
        if not widths or any(width % 2 == 0 for width in widths):
            return [f"filter_widths is {widths}; it needs odd numbers, so that each convolution has a middle"]
        return (
            [] if reach == self.num_tokens else [f"filter_widths {widths} see {reach} frames, and num_tokens is {self.num_tokens}"]
        )

    @property
    def batch_norm(self) -> str | None:
        return "videopose3d"

    @property
    def has_changing_batch_norm(self) -> bool:
        return True

    def activations(self) -> float:
        lengths = [self.num_tokens // math.prod(self.filter_widths[: index + 1]) for index in range(len(self.filter_widths))]
        return self.channels * (3 * lengths[0] + 7 * sum(lengths[1:]))  # convolution, norm, activation; twice, and the sum

    options_without_weights = NetworkConfig.options_without_weights | {"drop_rate"}


@dataclass(frozen=True)
class PoseFormer(NetworkConfig):
    """Transformers over joints, then over frames (Zheng et al., ICCV 2021). Source: docs/method.md, as above."""

    joints = H36M_17
    has_fixed_pelvis = True
    s_out: Count = 1
    network: Literal["poseformer"] = field(default="poseformer", kw_only=True)
    spatial_dim: Count = 32
    spatial_blocks: Number = 4
    temporal_blocks: Number = 4
    num_heads: Count = 8
    mlp_ratio: Ratio = 2.0
    qkv_bias: bool = True
    drop_rate: Rate = 0.0
    attention_drop_rate: Rate = 0.0
    last_drop_path_rate: Rate = 0.1
    """Probability of skipping the last block of a stage; it rises linearly from 0 at the first."""

    def checks(self) -> tuple[Check, ...]:
        return (dense_faults, partial(width_faults, "spatial_dim"))

    @property
    def temporal_dim(self) -> int:
        """Width of a frame: its joints side by side."""
        return self.num_joints * self.spatial_dim

    def activations(self) -> float:
        narrow, wide = self.spatial_dim, self.temporal_dim
        spatial = block_activations(self.num_joints, narrow, self.num_heads, narrow * self.mlp_ratio)
        temporal = block_activations(self.num_tokens, wide, self.num_heads, wide * self.mlp_ratio)
        return self.num_tokens * self.spatial_blocks * spatial + self.temporal_blocks * temporal

    options_without_weights = NetworkConfig.options_without_weights | {"drop_rate", "attention_drop_rate", "last_drop_path_rate"}


@dataclass(frozen=True)
class StridedTransformer(NetworkConfig):
    """A Transformer whose last blocks merge the frames (Li et al., TMM 2022). Source: docs/method.md, as above."""

    joints = H36M_17
    has_fixed_pelvis = True
    s_out: Count = 1
    network: Literal["strided_transformer"] = field(default="strided_transformer", kw_only=True)
    temporal_dim: Count = 256
    hidden_dim: Count = 512
    """Hidden width of the feed-forward layers."""
    temporal_blocks: Number = 3
    strides: tuple[Count, ...] = (3, 9, 9)
    num_heads: Count = 8
    drop_rate: Rate = 0.25
    block_drop_rate: Rate = 0.1
    """Dropout in Transformer blocks: attention weights, feed-forward layers, branches (probability)."""

    def checks(self) -> tuple[Check, ...]:
        return (dense_faults, partial(width_faults, "temporal_dim"), StridedTransformer._strides_faults)

    def _strides_faults(self) -> list[str]:
        left = self.strided_lengths[-1]
        faults = [f"strides {list(self.strides)} leave {left} tokens of {self.num_tokens}; they must lead to exactly 1"]
        return [] if left == 1 else faults

    @property
    def strided_lengths(self) -> tuple[int, ...]:
        """Tokens at the input of each strided block, and at the end: N_0, N_1, ..."""
        lengths = [self.num_tokens]
        for stride in self.strides:
            lengths.append(-(-lengths[-1] // stride))  # padded by one on both sides of a kernel of three
        return tuple(lengths)

    @property
    def why_no_sequence(self) -> str | None:
        return None

    @property
    def num_encodings(self) -> int:
        """Position encodings of the strided stage: published files have three, whatever the number of its blocks."""
        return max(3, len(self.strides))

    @property
    def batch_norm(self) -> str | None:
        return "strided_transformer"

    @property
    def has_changing_batch_norm(self) -> bool:
        return True

    def activations(self) -> float:
        lengths = [self.num_tokens] * self.temporal_blocks + list(self.strided_lengths[:-1])
        return sum(block_activations(length, self.temporal_dim, self.num_heads, self.hidden_dim) for length in lengths)

    options_without_weights = NetworkConfig.options_without_weights | {"drop_rate", "block_drop_rate"}
