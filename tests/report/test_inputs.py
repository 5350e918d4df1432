"""Manifests and scores with faults."""

import json

import pytest
from documents import plain

from uplift_upsample.base.errors import InputError
from uplift_upsample.report.manifest import manifest_from_mapping
from uplift_upsample.report.results import collected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"experiments": [{"name": "a", "dataset": "h36m", "s_in": [5]}]}, "the key 'seeds' is missing"),
        ({"experiments": [{"name": "a", "dataset": "h36m", "s_in": [5], "seed": [0], "seeds": [0]}]}, "did you mean 'seeds'"),
        ({"experiments": "all"}, "the list 'experiments'"),
        ({"scores": {"h36m_351": {"7": {"5": "x.json"}}}}, "scores.h36m_351.7.5: no experiment of the manifest plans"),
        ({"mean_poses": None}, "did you mean 'mean_pose'"),
    ],
)
def test_manifests_with_faults(study, change, message):
    manifest = study({})
    with pytest.raises(InputError, match=message):
        manifest_from_mapping(plain(manifest, **change))


@pytest.mark.parametrize("missing", ["per_joint", "by_distance", "no_learned_upsampling", "key_frames"])
def test_scores_that_lack_a_part(study, values, tmp_path, missing):
    manifest, path = study(values), tmp_path / "h36m_351-0-5.json"
    document = json.loads(path.read_text())
    del document["5"][missing]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=f"h36m_351-0-5.json: not a complete scores document .*{missing}.*; score"):
        collected(manifest)


def test_scores_of_infinitely_many_frames(study, values, tmp_path):
    manifest, path = study(values), tmp_path / "h36m_351-0-5.json"
    document = json.loads(path.read_text())
    document["5"]["by_distance"]["0"]["num_frames"] = float("inf")
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"h36m_351-0-5\.json: not a complete scores document .*infinity.*; score"):
        collected(manifest)


@pytest.mark.parametrize("text", ["{", "[]", '{"5": {}}', '{"5": {}, "protocol": {}}'])
def test_scores_that_are_damaged(study, values, tmp_path, text):
    manifest = study(values)
    (tmp_path / "h36m_351-0-5.json").write_text(text)
    with pytest.raises(InputError, match=r"h36m_351-0-5.json: .*score the predictions again"):
        collected(manifest)
