"""Pictures as a file: GIF by Pillow, MP4 by ffmpeg. Equal pictures give equal bytes, with the same versions of both."""

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from uplift_upsample.base.errors import InputError
from uplift_upsample.base.files import replacing
from uplift_upsample.report.animation.canvas import GHOST, HELD, LEFT, RIGHT, faded
from uplift_upsample.report.figures.style import GREY, INK

PALETTE = (INK, LEFT, RIGHT, GREY, GHOST, *(faded(colour, HELD) for colour in (INK, LEFT, RIGHT)))
NUM_STEPS = 6  # shades of each colour; chosen: smooth edges need no more, and leave room for photographs
NEARLY_WHITE = 240  # of 255, in the darkest channel; chosen: paler ones are not told from the white
SHORTEST = 2  # hundredths of a second that a picture of a GIF lasts; browsers show what is shorter for ten
NEEDS_FFMPEG = "draw the .gif instead, or install ffmpeg (Debian: apt-get install ffmpeg; conda: ffmpeg)"


def write_gif(
    path: str | os.PathLike[str], pictures: Iterable[Image.Image], rate: float, samples: Sequence[Image.Image] = ()
) -> None:
    """Write RGB pictures of equal size as a GIF that repeats forever. rate: pictures a second; GIF keeps hundredths of a second.

    samples: photographs whose colours the pictures have beside those of the drawing.
    """
    palette = _palette(PALETTE, samples)
    frames = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in pictures]
    with replacing(path) as aside:
        frames[0].save(
            aside,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=10 * max(SHORTEST, round(100 / rate)),  # Pillow cuts off what is no whole hundredth
            loop=0,
            disposal=1,
            optimize=True,
        )


def ffmpeg_for(path: str | os.PathLike[str]) -> str:
    """The program that makes MP4 files. Raises ``InputError`` without."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise InputError(f"{path}: there is no ffmpeg on the PATH, which makes MP4 files; {NEEDS_FFMPEG}")
    return program


def write_mp4(path: str | os.PathLike[str], pictures: Iterable[Image.Image], rate: float) -> None:
    """Write RGB pictures of equal, even size as H.264, which every browser plays; one after the other, however many there are.

    Raises ``InputError`` without ffmpeg, or with one that cannot encode H.264.
    """
    program = ffmpeg_for(path)
    iterator = iter(pictures)
    first = next(iterator)
    width, height = first.size
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{rate:g}", "-i", "-"]
    # one thread and no notes of versions: else two runs differ
    codec = [
        "-c:v",
        "libx264",
        "-preset",
        "medium",
        "-crf",
        "23",
        "-pix_fmt",
        "yuv420p",
        "-threads",
        "1",
        "-movflags",
        "+faststart",
    ]
    exact = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact"]
    with replacing(path) as aside, tempfile.TemporaryFile() as said:
        command = [program, "-hide_banner", "-loglevel", "error", "-y", *source, *codec, *exact, os.fspath(aside)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said) as encoder:
            assert encoder.stdin is not None
            try:
                with contextlib.suppress(BrokenPipeError), encoder.stdin:  # one that fails stops reading, and says why
                    for image in itertools.chain([first], iterator):
                        encoder.stdin.write(image.tobytes())
            except BaseException:
                encoder.kill()
                raise
        if encoder.returncode:
            said.seek(0)
            reason = (said.read().decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
            raise InputError(f"{path}: ffmpeg could not write it ({reason}); {NEEDS_FFMPEG} with libx264")


def write_animation(
    path: str | os.PathLike[str], pictures: Iterable[Image.Image], rate: float, samples: Sequence[Image.Image] = ()
) -> None:
    """Write pictures in the format that the suffix names, ``.gif`` or ``.mp4``. samples: see ``write_gif``.

    Raises ``InputError`` for another suffix.
    """
    match Path(path).suffix:
        case ".gif":
            write_gif(path, pictures, rate, samples)
        case ".mp4":
            write_mp4(path, pictures, rate)
        case _:
            raise InputError(f"{path}: an animation is a .gif or a .mp4 file")


def _palette(colours: Sequence[str], samples: Sequence[Image.Image]) -> Image.Image:
    """White, and some colours in even steps towards it: what smooth lines on white need; beside them those of photographs. The same
    for all pictures, so that what does not change needs no bytes.
    """
    weights = [1 - step / NUM_STEPS for step in range(NUM_STEPS)]
    values = [
        value
        for colour in ("#ffffff", *(faded(colour, weight) for colour in colours for weight in weights))
        for value in bytes.fromhex(colour[1:])
    ]
    if samples:
        photographs = Image.fromarray(np.concatenate([np.asarray(image).reshape(-1, 1, 3) for image in samples]))
        found = photographs.quantize(256 - len(values) // 3, Image.Quantize.MEDIANCUT).getpalette() or []
        triples = zip(*[iter(found)] * 3, strict=True)
        # nearly white ones would be taken for the white around the photographs
        values += [value for colour in triples if min(colour) < NEARLY_WHITE for value in colour]
    palette = Image.new("P", (1, 1))
    palette.putpalette(values)
    return palette
