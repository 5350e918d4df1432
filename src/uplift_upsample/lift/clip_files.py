"""What in a folder of the user is a clip.

A clip is a video, a keypoint file, or a folder with a keypoint file for each frame. Its name is that of the file without the
suffix, or of the folder. Names that begin with a point are left alone.
"""

from pathlib import Path

KEYPOINTS = (".json", ".npz", ".npy")
VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".3gp"),
    *(".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".vob", ".ogv"),
)


def clip_files(folder: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """The clips of a folder by name, several where their names are the same; and what is not a clip by its suffix."""
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    clips: dict[str, list[Path]] = {}
    others = []
    for path in files:
        if path.is_dir() or path.suffix.lower() in (*KEYPOINTS, *VIDEOS):
            clips.setdefault(path.name if path.is_dir() else path.stem, []).append(path)
        else:
            others.append(path)
    return clips, others


def is_clip_video(path: Path) -> bool:
    """Whether a clip is a video, by its suffix; a file that only looks like one fails when it is read."""
    return path.suffix.lower() in VIDEOS and not path.is_dir()
