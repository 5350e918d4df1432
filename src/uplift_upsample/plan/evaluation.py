"""How trained weights are evaluated: a frozen value. The defaults are the published protocol."""

from dataclasses import dataclass
from typing import Literal

from uplift_upsample.base.checked import Checked
from uplift_upsample.base.strict import Check
from uplift_upsample.plan.bounds import Count, Number, Share

Precision = Literal["float32", "bfloat16", "float16"]
Readout = Literal["central", "sequence", "both"]
InputInterpolation = Literal["none", "linear", "cubic"]
# Written to records only where they differ from the paper's protocol.
BEYOND_THE_PAPER = ("readout", "hop", "blend", "input_interpolation", "look_ahead")


@dataclass(frozen=True)
class EvaluateConfig(Checked):
    """Evaluation. Source: docs/method.md, "Prediction" and "Interpolation"."""

    mirror: bool = True
    """Average with the prediction for the mirrored input."""
    batch_size: Count = 256
    """Windows predicted at once."""
    test_step: Count = 1
    """Every n-th frame of a video is evaluated; 1, all."""
    learned_upsampling: bool = True
    """Off, only predictions at multiples of s_in count, with linear interpolation between them."""
    interpolate: bool = True
    """Off, every frame is predicted and scored by itself; on, those between multiples of s_out are interpolated."""
    precision: Precision = "float32"
    """What layers compute in; weights and outputs are float32 (``model.precision``)."""
    readout: Readout = "central"
    """What makes a pose: the central head of its own window, the sequence heads of all windows that reach it, or both."""
    hop: Count = 1
    """Tokens between two windows; above 1 with the readouts sequence and both, for a fraction of the work."""
    blend: Literal["auto"] | Share = "auto"
    """Weight of the central head in the readout both; auto, the one that training chose on its validation people."""
    input_interpolation: InputInterpolation = "none"
    """How 2D poses between two key frames (multiples of s_in) are made, so that no token is masked; none, they stay masked."""
    look_ahead: Literal["all"] | Number = "all"
    """Frames at 50 Hz that a pose waits for later 2D poses, as in a live stream; all: every later 2D pose is known."""

    def checks(self) -> tuple[Check, ...]:
        return (
            EvaluateConfig._interpolation_faults,
            EvaluateConfig._hop_faults,
            EvaluateConfig._blend_faults,
            EvaluateConfig._readout_faults,
            EvaluateConfig._look_ahead_faults,
        )

    def _interpolation_faults(self) -> list[str]:
        if self.learned_upsampling or self.interpolate:
            return []
        return ["learned_upsampling and interpolate are both off; without learned upsampling there is nothing but interpolation"]

    def _hop_faults(self) -> list[str]:
        if self.hop == 1 or self.readout != "central":
            return []
        return [
            f"hop is {self.hop} with the readout central; it gives one pose a window, so that every token needs a window of its "
            "own: take the readout sequence or both, or hop 1"
        ]

    def _blend_faults(self) -> list[str]:
        if self.blend == "auto" or self.readout == "both":
            return []
        return [f"blend is {self.blend:g} with the readout {self.readout}, which has nothing to blend; take the readout both"]

    def _readout_faults(self) -> list[str]:
        if self.readout == "central" or self.interpolate:
            return []
        return [
            f"interpolate is off with the readout {self.readout}; a window has one token every s_out frames, and none in between: "
            "take the readout central"
        ]

    @property
    def is_live(self) -> bool:
        """Whether later 2D poses are not there yet; each frame is then predicted by itself."""
        return self.look_ahead != "all"

    def _look_ahead_faults(self) -> list[str]:
        if self.look_ahead == "all":
            return []
        paper = {"readout": "central", "input_interpolation": "none", "learned_upsampling": True, "interpolate": True}
        other = [f"{name} {value}" for name, value in paper.items() if getattr(self, name) != value]
        reason = f"look_ahead is {self.look_ahead}, and live there is nothing but that: take {', '.join(other)}"
        return [reason] if other else []
