"""Networks as files for other runtimes: ONNX, LiteRT and SavedModel, with the names of inputs and outputs, for batches of any size.

Each file is opened by the runtime that it is for and compared with the network before it gets its name. Needs TensorFlow as the
backend of Keras, and the extra ``[export]``. Nothing is loaded before it is needed: command lines read ``FORMATS``.

Shapes: B windows, N tokens of a window, J = 17 joints.
"""

import functools
import importlib.metadata
import importlib.util
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from uplift_upsample.base.errors import InputError, MissingBackendError
from uplift_upsample.base.files import replacing, replacing_folder
from uplift_upsample.plan.network_base import NetworkConfig

if TYPE_CHECKING:
    from uplift_upsample.model.lifting import LiftingNetwork

# The runtimes add in other orders, and differ by 1e-5 to 2e-5 m for networks of full size; a wrong operation by centimetres.
TOLERANCE_M = 5e-5
BATCHES = (1, 2, 5)  # none of them a size that a converter could have frozen, but one
INSTALL = 'make install, or pip install "uplift-upsample[export]"'
SIGNATURE = "serving_default"  # where SavedModel and LiteRT keep the one function of a file
Arrays = dict[str, np.ndarray]
Run = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class Format:
    """suffix: of the file; a format without is a folder. packages: what writes and runs it, by the names that Python imports."""

    suffix: str
    packages: tuple[str, ...]
    write: "Callable[[LiftingNetwork, Path], None]"
    opened: Callable[[Path], Run]


@dataclass(frozen=True)
class Exported:
    """A file that was written. off_m: how far its outputs are from the network's, at most. runtime: what ran it."""

    format: str
    path: Path
    off_m: float
    runtime: str


def check_packages(formats: Collection[str]) -> None:
    """Raise ``MissingBackendError`` where a package for one of the formats is not installed."""
    for name in formats:
        absent = [package for package in FORMATS[name].packages if importlib.util.find_spec(package) is None]
        if absent:
            raise MissingBackendError(f"the format {name} needs {', '.join(absent)}, which is not installed: {INSTALL}")


def export_network(network: "LiftingNetwork", stem: Path, name: str) -> Exported:
    """Write a network in one of ``FORMATS`` to ``{stem}{suffix}``, whole or not at all.

    Raises ``InputError`` where the file does not give what the network gives, with the figure; then there is no file.
    """
    from uplift_upsample.model.backend import keras

    if keras.backend.backend() != "tensorflow":
        raise InputError(f"TensorFlow exports networks, and Keras is set to {keras.backend.backend()}: KERAS_BACKEND=tensorflow")
    check_packages([name])
    form = FORMATS[name]
    path = stem.with_name(stem.name + form.suffix)
    if not form.suffix and path.exists() and not (path / "saved_model.pb").is_file():
        raise InputError(f"{path}: it exists and is not a SavedModel; name another folder with --output")
    with (replacing if form.suffix else replacing_folder)(path) as aside:
        try:
            form.write(network, aside)
            off = off_m(network, form.opened(aside))
        except OSError:
            raise  # ``replacing`` reports what is wrong with the disk
        except Exception as error:  # converters and runtimes fail in any way, at operations that they do not have
            said = " ".join(str(error).split())[:300]
            raise InputError(f"{path}: not written. The format {name} cannot hold this network: {said}") from error
        if not off <= TOLERANCE_M:  # NaN, too
            raise InputError(
                f"{path}: not written. The file gives poses {off:.2g} m away from those of the network; up to {TOLERANCE_M:g} m "
                "are rounding. Other versions of the packages that write and run the format may do better: "
                + _versions(form.packages)
            )
    return Exported(name, path, off, _versions(form.packages[-1:]))


def off_m(network: "LiftingNetwork", run: Run) -> float:
    """The largest difference of a coordinate between a runtime and the network; NaN or infinite where outputs are missing."""
    offs = []
    for inputs in sample_inputs(network.config):
        wanted, found = outputs_of(network, **inputs), run(inputs)
        if {key: value.shape for key, value in wanted.items()} != {key: value.shape for key, value in found.items()}:
            return np.inf
        offs += [np.abs(found[key] - wanted[key]).max() for key in wanted]
    return float(np.max(offs))  # NaN where one is


def sample_inputs(config: NetworkConfig) -> Iterator[Arrays]:
    """Batches of windows as the network may see them: people somewhere in the picture; all tokens visible, those of a stride in any
    phase, some at random, and a single one."""
    generator = np.random.default_rng(0)
    for batch in BATCHES:
        centres = generator.uniform(-0.5, 0.5, (batch, 1, 1, 2))  # of a picture from -1 to 1
        poses = centres + generator.normal(0, 0.2, (batch, config.num_tokens, config.num_joints, 2))
        inputs = {"poses_2d": poses.astype(np.float32)}
        for kind in range(4 if config.has_strided_input else 1):
            if config.has_strided_input:
                inputs["visible"] = np.stack([_mask(config, kind, generator) for _ in range(batch)])
            yield dict(inputs)


def _mask(config: NetworkConfig, kind: int, generator: np.random.Generator) -> np.ndarray:
    """Which tokens ``(N,)`` of a window have a 2D pose."""
    token = np.arange(config.num_tokens)
    stride = generator.choice(config.evaluated_s_in) // config.s_out
    return (
        token >= 0,
        token % stride == generator.integers(stride),
        generator.random(config.num_tokens) < 0.3,
        token == generator.integers(config.num_tokens),
    )[kind]


def outputs_of(network: "LiftingNetwork", poses_2d: Any, visible: Any = None) -> Any:
    """What a file gives: ``central (B, J, 3)`` and, of networks that have it, ``sequence (B, N, J, 3)``, arrays."""
    from uplift_upsample.model.backend import keras

    return {name: keras.ops.convert_to_numpy(output) for name, output in _named(network(poses_2d, visible)).items()}


def _named(lifted: Any) -> dict[str, Any]:
    return {name: output for name, output in lifted._asdict().items() if output is not None}


def _function(network: "LiftingNetwork") -> Any:
    """The network as a function of named inputs, of any number of windows, and named outputs."""
    import tensorflow as tf

    config = network.config
    window = (None, config.num_tokens)
    inputs = [tf.TensorSpec((*window, config.num_joints, 2), tf.float32, name="poses_2d")]
    inputs += [tf.TensorSpec(window, tf.bool, name="visible")] if config.has_strided_input else []

    def serve(poses_2d: Any, visible: Any = None) -> dict[str, Any]:
        return _named(network(poses_2d, visible, training=False))

    return tf.function(serve, input_signature=inputs, autograph=False)


def _write_saved_model(network: "LiftingNetwork", path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.variables_of_network = [variable.value for variable in network.variables]
    tf.saved_model.save(module, str(path), signatures={SIGNATURE: _function(network)})


def _open_saved_model(path: Path) -> Run:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    function = loaded.signatures[SIGNATURE]

    def run(inputs: Arrays) -> Arrays:
        assert loaded is not None  # it keeps the variables of its functions alive
        return {name: output.numpy() for name, output in function(**{k: tf.constant(v) for k, v in inputs.items()}).items()}

    return run


def _write_litert(network: "LiftingNetwork", path: Path) -> None:
    import tensorflow as tf

    with TemporaryDirectory() as folder:
        _write_saved_model(network, Path(folder))
        path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())


def _open_litert(path: Path) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path)).get_signature_runner(SIGNATURE)
    return lambda inputs: runner(**inputs)


def _write_onnx(network: "LiftingNetwork", path: Path) -> None:
    import tf2onnx

    teach_erfc()
    function = _function(network)
    model, _ = tf2onnx.convert.from_function(function, function.input_signature)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    path.write_bytes(model.SerializeToString())


@functools.cache
def teach_erfc() -> None:
    """Let tf2onnx know the complement of the error function, which TensorFlow computes the exact GELU with.

    For an operation that it does not know, it writes one that no runtime has, and reports success.
    """
    from tf2onnx.handler import tf_op

    @tf_op("Erfc")
    class Erfc:
        @classmethod
        def version_9(cls, ctx: Any, node: Any, **_: Any) -> None:  # the first one in which ONNX has Erf
            shapes, dtypes = node.output_shapes, node.output_dtypes
            ctx.remove_node(node.name)
            one = ctx.make_const(f"{node.name}_one", np.ones((), np.float32))
            erf = ctx.make_node("Erf", node.input, shapes=shapes, dtypes=dtypes)
            ctx.make_node("Sub", [one.output[0], erf.output[0]], name=node.name, outputs=node.output, shapes=shapes, dtypes=dtypes)


def _open_onnx(path: Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def _versions(packages: Collection[str]) -> str:
    names = (package.replace("_", "-") for package in packages)
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


FORMATS: Mapping[str, Format] = {
    "onnx": Format(".onnx", ("tf2onnx", "onnxruntime"), _write_onnx, _open_onnx),
    "litert": Format(".tflite", ("tensorflow", "ai_edge_litert"), _write_litert, _open_litert),
    "saved_model": Format("", ("tensorflow",), _write_saved_model, _open_saved_model),
}
