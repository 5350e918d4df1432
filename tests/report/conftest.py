"""Invented scores of invented studies."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from uplift_upsample.base.skeleton import MODEL_17
from uplift_upsample.report.manifest import Manifest, manifest_from_mapping

ACTIONS = {"Eating": 300, "Walking": 100}
PUBLISHED = """source,model,input_2d,subset,s_in,metric,value_mm
official README,h36m_351,cpn_ft_h36m_dbb,all frames,5,MPJPE,45.7
official README,h36m_351,cpn_ft_h36m_dbb,all frames,20,MPJPE,47.8
official README,h36m_351_pt,cpn_ft_h36m_dbb,all frames,5,MPJPE,42.6
official README,h36m_351_pt,cpn_ft_h36m_dbb,all frames,20,MPJPE,45.0
"""

TEST_SET = {"subjects": ["S9", "S11"], "cameras": 2, "frames": sum(ACTIONS.values()), "actions": list(ACTIONS)}


def part(mpjpe: float) -> dict[str, Any]:
    """Frame-wise, action-wise and per-action scores around one MPJPE."""

    def metrics(value: float) -> dict[str, float]:
        return {"mpjpe": value, "nmpjpe": value - 1, "pampjpe": value - 8, "mpjve": value / 10, "accel": value / 20}

    per_action = {"Eating": metrics(mpjpe - 2), "Walking": metrics(mpjpe + 6)}
    return {"frame_wise": metrics(mpjpe), "action_wise": metrics(mpjpe + 2), "per_action": per_action}


def scores_document(mpjpe: float, s_in: int, **protocol: Any) -> dict[str, Any]:
    where = {"per_joint": dict.fromkeys(MODEL_17, mpjpe), "by_distance": {"0": {"mpjpe": mpjpe - 0.5, "num_frames": 400 // s_in}}}
    both = {"all_frames": part(mpjpe), "key_frames": part(mpjpe - 0.5), **where}
    plain = {"all_frames": part(mpjpe + 0.1 * (s_in - 5)), "key_frames": part(mpjpe - 0.5), **where}
    return {
        str(s_in): {**both, "no_learned_upsampling": plain},
        "protocol": {
            "s_in": s_in,
            "s_out": 5,
            "dataset": "h36m",
            "input_2d": "cpn_ft_h36m_dbb",
            "subjects": ["S9", "S11"],
            "cameras": ["54138969", "55011271"],
            "mirror": True,
            "learned_upsampling": True,
            "is_s_in_trained": True,
            "frames_sha256": "0123456789abcdef0123",
            "num_videos": 8,
            "num_frames": {"all_frames": 400, "key_frames": 400 // s_in},
            "frames_per_action": {"all_frames": ACTIONS, "key_frames": {name: n // s_in for name, n in ACTIONS.items()}},
            "absent_actions": [],
            "dropped_videos": [],
            "degenerate_frames": {"all_frames": 0, "no_learned_upsampling": 0},
            **protocol,
        },
    }


@pytest.fixture
def scores_of() -> Callable[..., dict[str, Any]]:
    return scores_document


@pytest.fixture
def planned() -> list[dict[str, Any]]:
    """The experiments of a small study: pre-training, without it, with it, and one that is not run."""
    common = {"dataset": "h36m", "s_in": [5, 20], "seeds": [0, 1]}
    return [
        {"name": "amass_351", "dataset": "amass", "s_in": [], "seeds": [0, 1], "initial_weights": None},
        {"name": "h36m_351", **common, "initial_weights": None},
        {"name": "h36m_351_pt", **common, "initial_weights": "amass_351"},
        {"name": "h36m_81", "dataset": "h36m", "s_in": [4, 20], "seeds": [0], "initial_weights": None},
    ]


@pytest.fixture
def study(tmp_path: Path, planned: list[dict[str, Any]]) -> Callable[..., Manifest]:
    """Write scores, given as (experiment, seed, s_in) -> MPJPE, and make the manifest; ``protocol`` goes into every document.

    The seed ``published`` stands for published weights.
    """

    def make(values: dict[tuple[str, int | str, int], float], note: str = "", **protocol: Any) -> Manifest:
        scores: dict[str, Any] = {}
        published: dict[str, Any] = {}
        for (name, seed, s_in), mpjpe in values.items():
            path = tmp_path / f"{name}-{seed}-{s_in}.json"
            weights = "published" if seed == "published" else "trained"
            path.write_text(json.dumps(scores_document(mpjpe, s_in, weights=weights, **protocol)))
            paths = published.setdefault(name, {})
            if seed != "published":
                paths = scores.setdefault(name, {}).setdefault(str(seed), {})
            paths[str(s_in)] = str(path)
        baseline = scores_document(200.0, 5, **protocol)
        (tmp_path / "mean.json").write_text(
            json.dumps({"mean_pose": {"all_frames": part(200.0)}, "protocol": baseline["protocol"]})
        )
        (tmp_path / "published.csv").write_text(PUBLISHED)
        (tmp_path / "test_set.yaml").write_text(json.dumps(TEST_SET))
        return manifest_from_mapping(
            {
                "study": "trial",
                "note": note,
                "experiments": planned,
                "scores": scores,
                "published_scores": {name: paths for name, paths in published.items() if paths},
                "mean_pose": str(tmp_path / "mean.json"),
                "published": str(tmp_path / "published.csv"),
                "published_test_set": str(tmp_path / "test_set.yaml"),
            }
        )

    return make


@pytest.fixture
def values() -> dict[tuple[str, int, int], float]:
    """MPJPE of the runs: one seed of ``h36m_351_pt`` is missing, ``h36m_81`` was not run."""
    return {
        ("h36m_351", 0, 5): 45.80,
        ("h36m_351", 1, 5): 46.00,
        ("h36m_351", 0, 20): 48.00,
        ("h36m_351", 1, 20): 48.10,
        ("h36m_351_pt", 0, 5): 42.50,
        ("h36m_351_pt", 0, 20): 49.25,
    }
