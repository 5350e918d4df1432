"""Small videos whose frames say which one they are."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

_BITS, _BLOCK = 8, 16  # bits of the number, in blocks of pixels along the upper edge, behind a white one


def picture_of(number: int, width: int = 160, height: int = 96) -> np.ndarray:
    """A grey picture ``(H, W, 3)`` with a number in its upper edge."""
    picture = np.full((height, width, 3), 90, np.uint8)
    picture[:_BLOCK, :_BLOCK] = 255
    for bit in range(_BITS):
        picture[:_BLOCK, (bit + 1) * _BLOCK : (bit + 2) * _BLOCK] = 230 if number >> bit & 1 else 20
    return picture


def number_of(picture: np.ndarray) -> int:
    """The number in a picture, or -1 without the white block."""
    means = picture[:_BLOCK, : (_BITS + 1) * _BLOCK].mean(axis=2).reshape(_BLOCK, _BITS + 1, _BLOCK).mean(axis=(0, 2))
    return sum(int(mean > 125) << bit for bit, mean in enumerate(means[1:])) if means[0] > 240 else -1


def write_video(
    path: Path,
    num_frames: int,
    frame_rate: float | Fraction = 30,
    *,
    seconds: Sequence[float] | None = None,
    codec: str = "libx264",
    group: int = 12,
    options: dict[str, str] | None = None,
    pixel_aspect: Fraction | None = None,
) -> Path:
    """A video of some frames. seconds: when each one is shown, instead of a constant rate. group: frames between key pictures."""
    rate = Fraction(frame_rate).limit_denominator(1001)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.codec_context.gop_size = group
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        base = Fraction(1, 90_000) if seconds is not None else 1 / rate
        stream.time_base = stream.codec_context.time_base = base
        for number in range(num_frames):
            frame = av.VideoFrame.from_ndarray(picture_of(number), format="rgb24")
            frame.pts, frame.time_base = (number if seconds is None else round(seconds[number] * 90_000)), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def turn(path: Path) -> Path:
    """Have an MP4 say that it is to be shown turned by a quarter clockwise, as phones do."""
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    one = 1 << 16
    values = [0, one, 0, -one & 0xFFFFFFFF, 0, 0, 96 << 16, 0, 1 << 30]
    content[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big") for value in values)
    path.write_bytes(content)
    return path
