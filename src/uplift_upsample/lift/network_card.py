"""What has to be known of an exported network to use it without this project, as a JSON file beside it."""

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

import uplift_upsample
from uplift_upsample.base.files import sha256_of_file, write_text
from uplift_upsample.base.skeleton import MIRROR, MODEL_17, ROOT
from uplift_upsample.base.strict import to_mapping
from uplift_upsample.data.keypoints.layouts import LAYOUTS, Layout
from uplift_upsample.data.keypoints.to_model import Skeleton, model_poses
from uplift_upsample.lift.known_weights import KnownWeights
from uplift_upsample.lift.uplifter import AXES
from uplift_upsample.model.exported import TOLERANCE_M, Exported
from uplift_upsample.plan.experiment import FRAME_RATE
from uplift_upsample.plan.network_base import NetworkConfig

OUTSIDE = {"copy": "the first and the last pose are repeated, on the frames that would have one", "zeros": "tokens of zeros"}


def write_network_card(path: str | os.PathLike[str], known: KnownWeights, files: Sequence[Exported]) -> None:
    """Write the card of the files that were made of some weights."""
    write_text(path, json.dumps(network_card(known, files), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def network_card(known: KnownWeights, files: Sequence[Exported]) -> dict[str, Any]:
    """The card as plain values."""
    card, model = known.card, known.card.model
    return {
        "name": known.name,
        "files": [_file(one) for one in files],
        "inputs": _inputs(model),
        "outputs": _outputs(model),
        "window": {
            "num_tokens": model.num_tokens,
            "central_token": model.num_tokens // 2,
            "frames_between_tokens": model.s_out,
            "frames_between_2d_poses": list(model.evaluated_s_in),
            "frame_rate": FRAME_RATE,
            "outside_of_the_video": OUTSIDE[card.padding],
        },
        "joints": list(model.joints),
        "mirror": {
            "joints": [model.joints.index(MODEL_17[MIRROR[MODEL_17.index(joint)]]) for joint in model.joints],
            "use": "negate x of poses_2d and take its joints in this order; undo both on the outputs. Errors were measured with "
            "the mean of both lifts",
        },
        "keypoints": {
            "skeleton": card.skeleton,
            "use": "each joint is the sum of these shares of a detector's keypoints (pixels, y downwards), for x and for y",
            "layouts": {
                layout.name: {"keypoints": list(layout.joints), "joints": keypoint_shares(layout, card.skeleton)}
                for layout in LAYOUTS.values()
            },
        },
        "weights": {
            "sha256": card.sha256,
            "trained_on": card.trained_on,
            "tested_on": card.tested_on,
            "mpjpe_mm": dict(card.mpjpe_mm),
            "licence": card.licence,
            "provenance": dict(card.provenance),
        },
        "network": to_mapping(model),
        "version": uplift_upsample.__version__,
    }


def keypoint_shares(layout: Layout, skeleton: Skeleton) -> dict[str, dict[str, dict[str, float]]]:
    """Joint -> x and y -> keypoint of a layout -> its share. Shares of a joint add up to 1."""
    places = np.eye(layout.num_joints)  # each keypoint in turn at 1, all others at 0: the map is linear, and keeps x and y apart
    shares = model_poses(np.stack([places, places], axis=-1), layout, skeleton).round(6)  # (K, 17, 2)
    return {
        joint: {
            axis: {layout.joints[k]: float(shares[k, index, number]) for k in np.flatnonzero(shares[:, index, number])}
            for number, axis in enumerate("xy")
        }
        for index, joint in enumerate(MODEL_17)
    }


def _file(one: Exported) -> dict[str, Any]:
    sums = {"sha256": sha256_of_file(one.path)} if one.path.is_file() else {}
    return {
        "file": one.path.name,
        "format": one.format,
        **sums,
        "largest_difference_m": one.off_m,
        "tolerance_m": TOLERANCE_M,
        "compared_with": one.runtime,
    }


def _inputs(model: NetworkConfig) -> dict[str, Any]:
    of_masked = "; where `visible` is false, any finite number" if model.has_strided_input else ""
    poses_2d = {
        "shape": ["batch", model.num_tokens, model.num_joints, 2],
        "meaning": "2D poses in normalised screen coordinates: 2 x / width - 1 and (2 y - height) / width of pixels, x to the "
        "right and y downwards. Joints as in `joints`. Token n is the video frame (n - central_token) * frames_between_tokens away "
        f"from the central one, at frame_rate{of_masked}",
    }
    visible = {
        "shape": ["batch", model.num_tokens],
        "meaning": "whether the token has a 2D pose with all joints. Trained with one on every n-th frame, n one of "
        "frames_between_2d_poses, in any phase; without any, the outputs mean nothing",
    }
    inputs = {"poses_2d": {"dtype": "float32", **poses_2d}}
    return inputs | ({"visible": {"dtype": "bool", **visible}} if model.has_strided_input else {})


def _outputs(model: NetworkConfig) -> dict[str, Any]:
    pelvis = MODEL_17[ROOT]
    use = f"put the joint {pelvis}" if model.has_fixed_pelvis else f"subtract the joint {pelvis}"
    end = "to 0" if model.has_fixed_pelvis else "for poses relative to it"
    where = f"metres, {AXES}; {use} (number {model.joints.index(pelvis)}), which is near 0, {end}"
    central = {"shape": ["batch", model.num_joints, 3], "meaning": f"the 3D pose of the central token: {where}"}
    sequence = {
        "shape": ["batch", model.num_tokens, model.num_joints, 3],
        "meaning": "the 3D poses of all tokens, less exact away from the central one, in the same units",
    }
    outputs = {"central": central} | ({"sequence": sequence} if model.has_sequence_head else {})
    return {name: {"dtype": "float32", **output} for name, output in outputs.items()}
