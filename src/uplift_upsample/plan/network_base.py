"""What every network has in common, and checks that several of them share; ``networks`` has the networks."""

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from uplift_upsample.base.checked import Checked, within_bounds
from uplift_upsample.base.errors import InputError
from uplift_upsample.base.skeleton import MODEL_17, NUM_JOINTS
from uplift_upsample.base.strict import (
    UNKNOWN,
    UNSAID_DEFAULT,
    UnknownValueError,
    all_faults,
    shown,
    suggestion,
)
from uplift_upsample.plan.bounds import Count
from uplift_upsample.plan.evaluation import InputInterpolation

_OWN = Path(__file__).parents[1] / "model" / "own"


@dataclass(frozen=True)
class Products:
    """Parameters of a network and its multiply-accumulates: of one 2D pose in the spatial stage, and of a window in the others.

    sequence_head: a head on every token, for the loss and for the read-outs sequence and both.
    """

    parameters: int
    spatial: int
    temporal: int
    strided: int
    head: int
    sequence_head: int = 0


@dataclass(frozen=True)
class NetworkConfig(Checked):
    """The network: a window of tokens, of which some or all have a 2D pose. The other options depend on `network`.

    This is what all networks have in common; ``meant_by`` chooses the class of one.
    """

    num_tokens: Count
    """Tokens of a window, N, odd."""
    s_out: Count
    """Frames (50 Hz) between two tokens, i.e. between two predicted 3D poses."""
    s_in: tuple[Count, ...] = ()
    """Frames (50 Hz) between two 2D poses; each training example draws one of the list. Empty, every token has a 2D pose."""
    num_joints: int = NUM_JOINTS
    """Joints of a pose."""
    network: str = field(default="uplift_upsample", metadata=UNSAID_DEFAULT, kw_only=True)
    """Which network: uplift_upsample, the paper's; videopose3d, poseformer, strided_transformer, those that it is compared with."""

    joints: ClassVar[tuple[str, ...]] = MODEL_17
    """The order of joints in its inputs and outputs, which published weights were trained with."""
    has_fixed_pelvis: ClassVar[bool] = False
    """Whether its evaluation puts the pelvis to 0, instead of subtracting the one that is predicted."""
    options_without_weights: ClassVar[frozenset[str]] = frozenset({"s_in", "s_out"})
    """Options that no weight depends on; they may differ from the network that the initial weights come from."""

    @classmethod
    def meant_by(cls, values: Mapping[str, Any]) -> "type[NetworkConfig]":
        """The class of some options. Raises ``InputError`` for a network that does not exist."""
        if cls is not NetworkConfig:
            return cls
        known, name = networks(), values.get("network", "uplift_upsample")
        if name is UNKNOWN:
            raise UnknownValueError("network")
        if not isinstance(name, str) or name not in known:
            near = suggestion(name, known) if isinstance(name, str) else ""
            raise InputError(f"network: expected one of {', '.join(known)}, not {shown(name)}{near}")
        return known[name]

    def faults(self) -> list[str]:
        """Why there is no such network; empty where there is. Works on ``strict.Known``, too."""
        known, faults = within_bounds(self)
        window = (NetworkConfig._joints_faults, NetworkConfig._token_faults, NetworkConfig._all_s_in_faults)
        return faults + all_faults(known, (*window, *self.checks()))  # of one network, beside the window

    def _joints_faults(self) -> list[str]:
        faults = [f"num_joints is {self.num_joints}; every data set and weight file here has {NUM_JOINTS}"]
        return [] if self.num_joints == NUM_JOINTS else faults

    def _token_faults(self) -> list[str]:
        faults = [f"num_tokens is {self.num_tokens}; it must be odd, so that one token is the central one"]
        return [] if self.num_tokens % 2 else faults

    def _all_s_in_faults(self) -> list[str]:
        return [fault for s_in in self.s_in for fault in self.s_in_faults(s_in)] if self.has_strided_input else []

    @property
    def has_strided_input(self) -> bool:
        """Whether tokens can be masked. Without (no ``s_in``, or a list that starts with 1), the network has no mask input
        and no upsampling token."""
        return bool(self.s_in) and self.s_in[0] != 1

    @property
    def has_sequence_head(self) -> bool:
        """Whether it gives the 3D poses of all tokens."""
        return self.why_no_sequence is None

    @property
    def why_no_sequence(self) -> str | None:
        """Why it gives the central pose alone; None where it gives the 3D poses of all tokens."""
        return f"{self.network} predicts the central pose alone"

    def s_in_faults(self, s_in: int, input_interpolation: InputInterpolation = "none") -> list[str]:
        """Why the network cannot be used with 2D poses on every ``s_in``-th frame; empty where it can, trained for it or not.

        input_interpolation: how those in between are made, if at all (``EvaluateConfig``).
        """
        if not self.has_strided_input and input_interpolation == "none":
            faults = [f"s_in {s_in}: this network has no strided input; the only choice is its s_out, {self.s_out}"]
            return [] if s_in == self.s_out else faults
        if s_in < 1 or s_in % self.s_out:
            reason = f"a 2D pose can only be placed at a token, every {self.s_out} frames"
            return [f"s_in {s_in} is not a multiple of s_out {self.s_out}; {reason}"]
        return []

    @property
    def evaluated_s_in(self) -> tuple[int, ...]:
        """The strides that scores are reported for: ``s_in``, or ``s_out`` where there is no strided input."""
        return self.s_in if self.has_strided_input else (self.s_out,)

    @property
    def batch_norm(self) -> str | None:
        """What brings batch normalisation into the network, None where nothing does."""
        return None

    @property
    def has_changing_batch_norm(self) -> bool:
        """Whether ``TrainConfig.batch_norm_momentum`` can change its batch normalisation."""
        return False

    def products(self) -> Products:
        """What ``model.cost`` counts, which has the formulas of the networks that come with the project."""
        raise NotImplementedError

    def stages(self) -> tuple[Any, Any]:
        """Of networks of your own: two Keras models, 2D poses ``(F, J, 2)`` -> tokens ``(F, C)``, windows ``(B, N, C)`` -> poses
        ``(B, J, 3)``. Keras is imported within: the class is needed where it is not loaded.
        """
        raise NotImplementedError

    def activations(self) -> float:
        """Numbers that a training step keeps of one window until its gradient is made, about."""
        raise NotImplementedError


def networks() -> dict[str, type[NetworkConfig]]:
    """The networks by name: those of ``networks``, in its order, then those of your own, one in each module of ``model.own``."""
    for path in sorted(_OWN.glob("[!_]*.py")):
        pkgutil.resolve_name(f"uplift_upsample.model.own.{path.stem}")
    return {str(cls.__dataclass_fields__["network"].default): cls for cls in NetworkConfig.__subclasses__()}


def block_activations(length: int, width: int, heads: int, hidden: float) -> float:
    """What a Transformer block of N tokens of width C keeps for its gradient.

    Its two norms, query, key, value, mixed values, projection, two sums and the MLP's layers before and after the activation, and
    each head's attention before and after the softmax.
    """
    return length * (9 * width + 2 * hidden) + 2 * heads * length * length


def width_faults(name: str, model: Any) -> list[str]:
    """Of networks that divide a width among heads. name: of the width."""
    width = getattr(model, name)
    if (name == "spatial_dim" and not model.spatial_blocks) or width % model.num_heads == 0:
        return []
    return [f"{name} {width} cannot be divided among {model.num_heads} heads; take a multiple of num_heads"]


def dense_faults(model: NetworkConfig) -> list[str]:
    """Of networks without a token for a missing 2D pose."""
    faults = [f"s_in is {list(model.s_in)}; {model.network} takes a 2D pose on every token, leave s_in out"]
    return faults if model.s_in else []
