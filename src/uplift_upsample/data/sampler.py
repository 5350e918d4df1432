"""The order of training examples and their random draws, in exactly the streams of the official code.

One *row* is (video, centre frame, mirrored). Three generators start from the same seed: the first shuffles all rows
once per pass and draws the cameras of motion capture, the second draws s_in, the third the shift of the mask. All
draws of a pass are made at its start, vectorised; NumPy gives the same numbers as one draw per row. Source:
docs/method.md, "Training examples".
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from uplift_upsample.base.errors import InputError
from uplift_upsample.data.frames import FramesTable

_PART = 1 << 20  # rows; chosen: 8 MB of random numbers at a time instead of those of a whole pass


@dataclass(frozen=True)
class Rows:
    """A batch of examples before any pose is read; arrays ``(B,)``.

    video: index into the frames table. centre: frame of the central token. mirrored: bool. s_in: frames between 2D
    poses (at 50 Hz).
    shift: of the mask, in tokens; with random key frames it is no shift but the seed of the visible tokens.
    camera: index into the table's cameras, drawn for motion capture, else the video's.
    """

    video: np.ndarray
    centre: np.ndarray
    mirrored: np.ndarray
    s_in: np.ndarray
    shift: np.ndarray
    camera: np.ndarray

    def __len__(self) -> int:
        return len(self.video)

    def take(self, index: Any) -> "Rows":
        """Some of the rows, by an index array or slice."""
        return Rows(*(getattr(self, f.name)[index] for f in fields(self)))


@dataclass(frozen=True)
class SamplerSettings:
    """How examples are drawn.

    s_in: to draw from; with one entry nothing is drawn; empty: no strided input. s_out: frames between tokens.
    mirror: use mirrored examples too. in_batch_mirror: each right behind its original, sharing its draws.
    random_shift: draw the shift of the mask, else it is centred. random_key_frames: draw which tokens are visible instead.
    step: every n-th frame of a video is a centre.
    """

    s_in: tuple[int, ...]
    s_out: int
    mirror: bool = False
    in_batch_mirror: bool = False
    random_shift: bool = False
    random_key_frames: bool = False
    step: int = 1
    shuffle: bool = False
    seed: int = 0


def shift_bounds(s_in: np.ndarray, s_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest shift of a mask, both included: with m = s_in / s_out, -ceil((m-1)/2) to ceil((m-1)/2), without the
    upper end when m is even."""
    tokens = np.asarray(s_in) // s_out
    half = tokens // 2  # = ceil((m - 1) / 2)
    return -half, half - (tokens % 2 == 0)


class Sampler:
    """Draws passes over the centres of some videos. Its state is small and can be saved."""

    def __init__(self, table: FramesTable, videos: np.ndarray, settings: SamplerSettings) -> None:
        if len(videos) == 0:
            raise InputError(f"{table.metadata.get('dataset', 'data set')}: no videos to draw examples from")
        self.settings = settings
        is_doubled = settings.mirror and not settings.in_batch_mirror
        repeats = 2 if is_doubled else 1  # every video is followed by its mirror image
        self._videos = np.repeat(videos, repeats).astype(np.int32)
        self._is_mirrored = np.tile([False, True][:repeats], len(videos))
        self._cameras = table.video_camera[self._videos].astype(np.int32)
        self._ends = np.cumsum(-(-table.video_length[self._videos] // settings.step))
        self._num_cameras = len(table.cameras) if (table.video_camera[videos] < 0).any() else 0
        self._generators = [np.random.default_rng(settings.seed) for _ in range(3)]

    @property
    def num_rows(self) -> int:
        """Rows of one pass, without the twins of in-batch mirroring."""
        return int(self._ends[-1])

    def next_pass(self) -> Rows:
        """Draw one pass over all rows."""
        return self.draw().take(slice(None))

    def draw(self) -> "Draws":
        """Draw one pass over all rows, which are made as they are taken."""
        settings = self.settings
        order_generator, s_in_generator, shift_generator = self._generators
        order = np.arange(self.num_rows, dtype=np.min_scalar_type(self.num_rows))  # of any type, it is shuffled in the same way
        if settings.shuffle:
            order_generator.shuffle(order)
        choices = np.array(settings.s_in or (settings.s_out,), np.int32)
        choice = np.zeros(self.num_rows, np.min_scalar_type(len(choices)))
        if len(choices) > 1:
            for part in _parts(self.num_rows):
                choice[part] = s_in_generator.integers(0, len(choices), len(choice[part]))
        shift = None
        if settings.random_key_frames and settings.s_in:
            shift = np.zeros(self.num_rows, np.int32)
            for part in _parts(self.num_rows):
                shift[part] = shift_generator.integers(0, np.iinfo(np.int32).max, len(shift[part]))
        elif settings.random_shift and settings.s_in:
            low, high = shift_bounds(choices, settings.s_out)
            smallest = min(low.min(), -high.max() - 1)  # a type that holds it holds the largest shift, too
            shift = np.zeros(self.num_rows, np.min_scalar_type(smallest))
            for part in _parts(self.num_rows):
                shift[part] = shift_generator.integers(low[choice[part]], high[choice[part]] + 1)
        camera = None
        if self._num_cameras:
            camera = np.zeros(self.num_rows, np.min_scalar_type(self._num_cameras))
            for part in _parts(self.num_rows):
                camera[part] = order_generator.integers(0, self._num_cameras, len(camera[part]))
        return Draws(self, order, choices, choice, shift, camera)

    def place(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Video, centre, mirrored and the video's camera of rows in the order before the shuffle."""
        place = np.searchsorted(self._ends, index, side="right")
        start = np.where(place > 0, self._ends[place - 1], 0)
        centre = ((index - start) * self.settings.step).astype(np.int32)
        return self._videos[place], centre, self._is_mirrored[place], self._cameras[place]

    def state(self) -> list[Any]:
        """The states of the three generators, plain values."""
        return [generator.bit_generator.state for generator in self._generators]

    def restore(self, state: list[Any]) -> None:
        for generator, values in zip(self._generators, state, strict=True):
            generator.bit_generator.state = values


def with_twins(rows: Rows) -> Rows:
    """Each row followed by its mirrored twin with the same draws."""
    doubled = rows.take(np.repeat(np.arange(len(rows)), 2))
    mirrored = doubled.mirrored.copy()
    mirrored[1::2] = True
    return Rows(doubled.video, doubled.centre, mirrored, doubled.s_in, doubled.shift, doubled.camera)


@dataclass(frozen=True, eq=False)
class Draws:
    """What was drawn for one pass: six bytes or so a row, where the rows themselves would take four times as much.

    order: the rows after the shuffle. choice: for each row, which of the ``choices`` of s_in. shift, camera: of each row; None
    where they are not drawn.
    """

    sampler: Sampler
    order: np.ndarray
    choices: np.ndarray
    choice: np.ndarray
    shift: np.ndarray | None
    camera: np.ndarray | None

    def __len__(self) -> int:
        return len(self.order)

    def take(self, part: slice) -> Rows:
        """Some of the rows."""
        video, centre, mirrored, camera = self.sampler.place(self.order[part])
        s_in = self.choices[self.choice[part]]
        shift = np.zeros(len(video), np.int32) if self.shift is None else self.shift[part].astype(np.int32)
        if self.camera is not None:
            camera = self.camera[part].astype(np.int32)
        return Rows(video, centre, mirrored, s_in, shift, camera)


def _parts(num_rows: int) -> Iterator[slice]:
    """Rows that are drawn at once; a generator gives the same numbers in any parts."""
    return (slice(start, start + _PART) for start in range(0, num_rows, _PART))


class RowStream:
    """Endless batches of rows; the sampler runs on over the ends of passes, within a batch too."""

    def __init__(self, sampler: Sampler, batch_size: int) -> None:
        self.sampler = sampler
        settings = sampler.settings
        self._has_twins = settings.mirror and settings.in_batch_mirror
        self._num_drawn = batch_size // 2 if self._has_twins else batch_size
        self._begin_pass(position=0)

    def _begin_pass(self, position: int) -> None:
        self._state_at_start = self.sampler.state()
        self._rows = self.sampler.draw()
        self._position = position

    def next_rows(self) -> Rows:
        """The rows of the next batch."""
        parts = []
        missing = self._num_drawn
        while missing:
            part = self._rows.take(slice(self._position, self._position + missing))
            parts.append(part)
            self._position += len(part)
            missing -= len(part)
            if self._position == len(self._rows):
                del self._rows  # room for the next pass
                self._begin_pass(position=0)
        rows = parts[0] if len(parts) == 1 else Rows(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Rows)))
        return with_twins(rows) if self._has_twins else rows

    def state(self) -> dict[str, Any]:
        """Where the stream is: plain values for a checkpoint."""
        return {"generators": self._state_at_start, "position": self._position, "num_rows": len(self._rows)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on exactly where ``state`` was taken. Raises ``InputError`` when the data have changed since."""
        if state["num_rows"] != self.sampler.num_rows:
            raise InputError(
                f"the checkpoint was made with {state['num_rows']} examples a pass, the data now have {self.sampler.num_rows}; "
                "start anew in another folder or delete the checkpoints"
            )
        self.sampler.restore(state["generators"])
        del self._rows
        self._begin_pass(state["position"])
