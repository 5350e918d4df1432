"""The test set behind published figures: only results on the same one can reproduce them."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from uplift_upsample.base import strict
from uplift_upsample.base.errors import InputError
from uplift_upsample.evaluate.score_file import Protocol


@dataclass(frozen=True)
class PublishedTestSet:
    """subjects and actions by name; cameras and frames, of all videos together, by number."""

    subjects: tuple[str, ...]
    cameras: int
    frames: int
    actions: tuple[str, ...]

    def differences(self, protocol: Protocol) -> list[str]:
        """In what an evaluation, by the protocol of its scores, is of another test set; empty where it is of this one."""
        found = protocol.frames_per_action["all_frames"]
        present = [action for action, count in found.items() if count]
        absent = [action for action in self.actions if action not in present]
        others = [action for action in present if action not in self.actions]
        subjects, cameras = protocol.subjects, protocol.cameras
        differences = []
        if sorted(subjects) != sorted(self.subjects):
            differences.append(f"the subjects are {', '.join(subjects)}, not {', '.join(self.subjects)}")
        if absent:
            differences.append(f"{len(absent)} of {len(self.actions)} actions are absent ({', '.join(absent)})")
        if others:
            differences.append(f"actions that the published test set does not have ({', '.join(others)})")
        if len(cameras) != self.cameras:
            differences.append(f"{len(cameras)} cameras, not {self.cameras}")
        frames = sum(found.values())
        if frames != self.frames:
            differences.append(f"{frames:,} frames, not {self.frames:,}")
        return differences


def read_published_test_set(path: str | Path) -> PublishedTestSet:
    """Read it from a YAML file. Raises ``InputError`` where that is missing or holds something else."""
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path}: no description of a test set ({error})") from None
    return strict.from_mapping(PublishedTestSet, values, str(path))
