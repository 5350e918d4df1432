"""3D poses of many windows, with the spatial stage computed once per 2D pose instead of once per window."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np

from uplift_upsample.base.skeleton import MODEL_17, ROOT, joint_map, mirrored
from uplift_upsample.model.backend import is_on_cpu, keras
from uplift_upsample.model.lifting import Lifted, LiftingNetwork
from uplift_upsample.model.network import build_network
from uplift_upsample.model.precision import POLICIES
from uplift_upsample.plan.evaluation import Precision

CPU_THREADS = 2  # batches side by side: one computes while the other one waits for memory
CPU_BATCH = 32  # windows; what layers compute of larger batches does not fit the caches
Heads = Literal["central", "sequence", "both"]  # of the network: one pose a window, one a token, both


class Stage(keras.Model):
    """A stage of the network with Keras' ``predict_on_batch``; traced once, where a functional model is traced twice."""

    def __init__(self, stage: keras.Layer, **options: bool) -> None:
        super().__init__()
        self.stage, self.options = stage, options
        self.built = True

    def call(self, inputs: Sequence[Any]) -> Any:
        return self.stage(*inputs, **self.options)


class Lifter:
    """A network compiled for prediction.

    batch_size: windows at once, on a CPU at most ``CPU_BATCH``; every call runs with this size, so that nothing is compiled twice.
    mirror: average with the prediction for the mirrored input, mirrored back (test-time augmentation).
    precision: what layers compute in; None, what those of the network do. Another one works on a copy of the weights.
    """

    def __init__(
        self,
        network: LiftingNetwork,
        batch_size: int,
        *,
        mirror: bool,
        precision: Precision | None = None,
        jit_compile: bool | str = "auto",
    ) -> None:
        network = network if precision is None else network_in(network, precision)
        config = network.config
        self.network = network
        self.batch_size = min(batch_size, CPU_BATCH) if is_on_cpu() else batch_size
        self.mirror = mirror
        self._num_frames = self.batch_size * 4  # a 2D pose costs a fraction of a window
        self._num_threads = CPU_THREADS if is_on_cpu() else 1
        self._jit_compile = jit_compile
        self._takes_mask = config.has_strided_input
        self._has_own_order = config.joints != MODEL_17
        self._spatial = self._compiled(network.spatial)
        self._temporal: dict[Heads, Stage] = {}  # compiled for the heads that were asked for

    def lift(self, poses_2d: np.ndarray, token_pose: np.ndarray, visible: np.ndarray) -> np.ndarray:
        """The central poses of W windows, ``(W, 17, 3)``; the rest as ``lift_heads``."""
        return self.lift_heads("central", poses_2d, token_pose, visible).central

    def lift_heads(self, heads: Heads, poses_2d: np.ndarray, token_pose: np.ndarray, visible: np.ndarray) -> Lifted:
        """What some heads give for W windows.

        poses_2d: the U distinct 2D poses that the windows see, ``(U, 17, 2)`` normalised screen coordinates.
        token_pose: which of them each token has, ``(W, N)``; any number where ``visible`` ``(W, N)`` is false.
        Returns arrays ``(W, N, 17, 3)`` and ``(W, 17, 3)``, float32 metres, camera axes; None for a head that was not asked for.
        The network must have the heads (``plan.experiment.readout_faults``).
        """
        return self.lift_tokens(heads, self.tokens_of(poses_2d), token_pose, visible)

    def tokens_of(self, poses_2d: np.ndarray) -> np.ndarray:
        """What the spatial stage makes of U 2D poses, ``(U, C)``; with mirroring ``(2 U, C)``, mirrored poses behind."""
        poses_2d = np.concatenate([poses_2d, mirrored(poses_2d)]) if self.mirror else poses_2d
        if self._has_own_order:
            poses_2d = poses_2d[:, joint_map(MODEL_17, self.network.config.joints)]
        [tokens] = self._run(self._spatial, self._num_frames, len(poses_2d), lambda part: [poses_2d[part]])
        return tokens

    def lift_tokens(self, heads: Heads, tokens: np.ndarray, token_pose: np.ndarray, visible: np.ndarray) -> Lifted:
        """As ``lift_heads``, from what ``tokens_of`` made of the 2D poses."""
        if self.mirror:  # the mirrored windows behind the others
            token_pose = np.concatenate([token_pose, token_pose + len(tokens) // 2])
            visible = np.concatenate([visible, visible])
        outputs = self._run(
            self._temporal_of(heads),
            self.batch_size,
            len(token_pose),
            lambda part: [tokens[token_pose[part]], *([visible[part]] if self._takes_mask else [])],  # (B, N, C), (B, N)
        )
        if self._has_own_order:
            outputs = [output[..., joint_map(self.network.config.joints, MODEL_17), :] for output in outputs]
        if self.mirror:
            halves = (np.split(output, 2) for output in outputs)
            outputs = [(direct + mirrored(twin)) / 2 for direct, twin in halves]
        if self.network.config.has_fixed_pelvis:
            for output in outputs:
                output[..., ROOT, :] = 0
        return Lifted(outputs[0] if heads != "central" else None, outputs[-1] if heads != "sequence" else None)

    def _temporal_of(self, heads: Heads) -> Stage:
        if heads not in self._temporal:
            only = {} if heads == "both" else {f"{heads}_only": True}
            self._temporal[heads] = self._compiled(self.network.temporal, **only)
        return self._temporal[heads]

    def _compiled(self, stage: keras.Layer, **options: bool) -> Stage:
        model = Stage(stage, **options)
        model.compile(jit_compile=self._jit_compile)
        return model

    def _run(
        self, model: keras.Model, batch_size: int, num_rows: int, inputs: Callable[[slice], list[np.ndarray]]
    ) -> list[np.ndarray]:
        """Run a model over rows in batches of exactly one size; the last one is filled up and cut again.

        inputs: the arrays of some rows. Returns each output of the model.
        """

        def batch(start: int) -> Sequence[np.ndarray]:
            parts = inputs(slice(start, start + batch_size))
            num_missing = batch_size - len(parts[0])
            if num_missing:
                parts = [np.concatenate([part, np.zeros((num_missing, *part.shape[1:]), part.dtype)]) for part in parts]
            outputs = model.predict_on_batch(parts)
            return [output[: batch_size - num_missing] for output in (outputs if isinstance(outputs, tuple) else [outputs])]

        starts = range(0, num_rows, batch_size)
        first = [batch(start) for start in starts[:1]]  # compiles, which threads must not do side by side
        with ThreadPoolExecutor(self._num_threads) as threads:
            batches = [*first, *threads.map(batch, starts[1:])]
        return [np.concatenate(output) for output in zip(*batches, strict=True)]


def network_in(network: LiftingNetwork, precision: Precision) -> LiftingNetwork:
    """A network that computes in a precision: the given one if it does, else another with the weights that this one has now."""
    if network.temporal.dtype_policy.name == POLICIES[precision]:
        return network
    other = build_network(network.config, precision)
    for theirs, own in zip(other.variables, network.variables, strict=True):
        theirs.assign(own)
    return other
