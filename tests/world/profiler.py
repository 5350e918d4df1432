"""Multiply-accumulates as TensorFlow's profiler counts them: a second opinion on ``model.cost``, for that backend only."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from uplift_upsample.model.lifting import LiftingNetwork

PRODUCTS = {"MatMul", "BatchMatMulV2", "Conv2D"}  # what is counted; the profiler has additions, norms and softmax as well
UNKNOWN = {"Einsum", "BatchMatMul", "BatchMatMulV3", "XlaDot", "XlaDotV2", "XlaConv", "XlaConvV2"}  # products that it counts as 0


def profiled_macs(call: Callable[..., Any], *inputs: tf.TensorSpec) -> int:
    """Multiply-accumulates of the products in one call of a function of tensors.

    inputs: shape and type of each argument, without unknown sizes. Raises ``NotImplementedError`` where the call has products that
    the profiler would count as nothing: operations that it does not know, of unknown size, or inside of functions.
    """
    graph = convert_variables_to_constants_v2(_flat(call, inputs)).graph
    operations = graph.get_operations()
    uncounted = {operation.type for operation in operations} & UNKNOWN
    uncounted |= {op.type for op in operations if op.type in PRODUCTS and not op.outputs[0].shape.is_fully_defined()}
    uncounted |= {node.op for inner in graph.as_graph_def().library.function for node in inner.node_def} & (UNKNOWN | PRODUCTS)
    if uncounted:
        raise NotImplementedError(f"the profiler of TensorFlow would not count {', '.join(sorted(uncounted))}")
    options = {**tf.compat.v1.profiler.ProfileOptionBuilder.float_operation(), "output": "none"}
    node = tf.compat.v1.profiler.profile(graph, cmd="op", options=options)
    total = 0
    while node.children:
        node = node.children[0]
        total += node.float_ops if node.name in PRODUCTS else 0
    return total // 2  # a multiplication and an addition


def _flat(call: Callable[..., Any], inputs: Sequence[tf.TensorSpec]) -> Any:
    """The call as one function; what is a function inside becomes a part of it."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        return tf.function(call).get_concrete_function(*inputs)
    finally:
        tf.config.run_functions_eagerly(before)


def profiled_network(network: LiftingNetwork) -> int:
    """Multiply-accumulates of a forward pass of one window: all its tokens through the spatial stage, and all heads."""
    tokens = network.config.num_tokens
    inputs = [tf.TensorSpec((1, tokens, network.config.num_joints, 2)), tf.TensorSpec((1, tokens), tf.bool)]
    return profiled_macs(lambda poses, visible: [part for part in network(poses, visible) if part is not None], *inputs)


def profiled_window(network: LiftingNetwork, num_input_poses: int) -> int:
    """Multiply-accumulates of one window as evaluation computes it: the spatial stage for its 2D poses, and the central head."""
    model = network.config
    poses = tf.TensorSpec((num_input_poses, model.num_joints, 2))
    window = [tf.TensorSpec((1, model.num_tokens, network.token_dim)), tf.TensorSpec((1, model.num_tokens), tf.bool)]
    spatial = profiled_macs(network.spatial, poses)
    return spatial + profiled_macs(lambda tokens, visible: network.temporal(tokens, visible, central_only=True), *window)
