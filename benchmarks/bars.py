"""The bars: what is measured, how good it has to be, what was done for it and what limits it now.

A row is measured through the fixtures ``versus`` and ``figure`` of ``conftest.py`` under its name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["times", "share", "most", "least"]


@dataclass(frozen=True)
class Row:
    """One line of the table; without a bar for information.

    unit: of what both columns show, such as ``frames/s``. kind: what the bar is about. ``times``: ours over straightforward, at
    least. ``share``: of the machine's own rate at what limits the row, measured in turns with it, at least. ``most``,
    ``least``: the figure itself.
    """

    name: str
    unit: str
    bar: float | None
    aim: float | None = None
    kind: Kind = "times"

    def reaches(self, value: float, bar: float | None) -> bool:
        """Whether a measured value is at ``bar`` or better; all are where there is none."""
        return bar is None or (value <= bar if self.kind == "most" else value >= bar)


@dataclass(frozen=True)
class Group:
    """Rows with one story. straightforward: what ours is compared with."""

    title: str
    straightforward: str
    rows: tuple[Row, ...]
    done: str
    limit: str


def _rows(names: Sequence[str], unit: str, bar: float | None, aim: float | None = None, kind: Kind = "times") -> tuple[Row, ...]:
    return tuple(Row(name, unit, bar, aim, kind) for name in names)


GROUPS = (
    Group(
        "Evaluation",
        "every frame's window through the whole network, as it is and mirrored, 32 at once",
        (
            # A pose of ours takes 5.6 and 2.1 times fewer multiply-accumulates; the rest is how badly a machine computes one small
            # layer after the other. With loops of our own, which are gone, the bars were 9x and 4x.
            *_rows([f"evaluation, h36m_351, s_in {s_in}" for s_in in (5, 10, 20)], "video frames/s", 6, 12),
            *_rows([f"evaluation, h36m_81, s_in {s_in}" for s_in in (4, 10, 20)], "video frames/s", 2.5, 5),
            *_rows(["temporal and strided stages of evaluation, h36m_351"], "GFLOP/s", 0.65, None, "share"),
        ),
        "Only frames that count are predicted; the spatial stage runs once for each 2D pose, which neighbouring windows share; "
        "two batches that fit the caches run side by side.",
        "The matrix products themselves, at about their full rate, are 60% of the time; attention (products of 71 by 48, softmax, "
        "four transpositions a block) 15%, the passes between them 12%. At s_in 5 every token is visible, so nothing is constant.",
    ),
    Group(
        "Read-outs",
        "the central head, one window a token, as in the rows above",
        (
            *_rows([f"read-out sequence, h36m_351, s_in {s_in}, hop 9" for s_in in (5, 20)], "video frames/s", 7),
            *_rows([f"read-out sequence, h36m_351, s_in {s_in}, hop 27" for s_in in (5, 20)], "video frames/s", 15),
            *_rows([f"read-out sequence, h36m_351, s_in {s_in}, hop 71" for s_in in (5, 20)], "video frames/s", 15),
        ),
        "One window for every 9, 27 or 71 tokens (`readout: sequence`), whose sequence head gives a pose to all of them; the "
        "strided stage is left out. What it costs in error, the table `readouts` of a study says.",
        "At a hop of 71, the spatial stage, which still sees every 2D pose.",
    ),
    Group(
        "From a video to 3D poses",
        "the detector on every frame, s_in 5",
        (
            *_rows(["video to 3D, heavy detector, s_in 20"], "video frames/s", 8, 10),
            *_rows(["video to 3D, heavy detector, s_in 10", "video to 3D, full detector, s_in 20"], "video frames/s", None),
        ),
        "Decoding, MediaPipe's detector and h36m_351, on a real clip of 1088 x 1920 pixels at 60 Hz. The detector runs on key "
        "frames alone, every 24th or 12th; other frames are decoded only where a key frame is described by them.",
        "Decoding: what is left when the detector runs on one frame in 24.",
    ),
    Group(
        "Live",
        "",
        (
            # Who is shown himself notices a delay from about 50 ms on. A bar that holds on any machine is about the rate: a window
            # in 40 ms is 7.5% of the large matrix product of a machine that makes 310 GFLOP/s.
            *_rows(
                ["live, h36m_351, s_in 10, 50 Hz, 99 % of poses", "live, h36m_351, s_in 10, 50 Hz, half of poses"],
                "ms",
                None,
                None,
                "most",
            ),
            *_rows(["live, rate of 99 % of poses, of a large matrix product"], "%", 7.5, None, "least"),
        ),
        "From a frame that comes in to its 3D pose, without look-ahead and mirroring, at the pace of the camera. A 2D pose goes "
        "through the spatial stage once, a token through the temporal stage once for each 2D pose that changes its window.",
        "One window through the temporal stage, for which nothing else waits. 99 % of poses within 23 ms on an AMD EPYC "
        "with AVX-512.",
    ),
    Group(
        "Training step",
        "`train_on_batch` of the same network, all tokens through the spatial stage",
        (
            # What people train on a CPU: the networks of the demo and of the study open.
            *_rows(["training step, people_351, batch 16", "training step, cmu_small, batch 16"], "examples/s", 1.0),
            # Nobody trains networks of this size on a CPU (tens of days); the rows say what a GPU is compared with.
            *_rows([f"training step, h36m_351, batch {batch}" for batch in (32, 64)], "examples/s", None),
            *_rows([f"training step, h36m_81, batch {batch}" for batch in (32, 64)], "examples/s", None),
            *_rows(["whole training step, h36m_351"], "GFLOP/s", None, None, "share"),
        ),
        "Only visible tokens go through the spatial stage.",
        "The matrix products of the temporal stage. Loops of our own for the spatial stage and fused passes between the products "
        "gave a fifth on one processor and nothing on another; they are gone.",
    ),
    Group(
        "Input of training",
        "a Python generator of examples, which NumPy stacks",
        (
            # Half of what a quiet AMD EPYC of 155 GFLOP/s has (6.9x and 12x). Into `tf.data`, examples are four times slower.
            *_rows(["training input, Human3.6M"], "windows/s", 3),
            *_rows(["training input, AMASS with projection"], "windows/s", 6),
            *_rows(["training input, Human3.6M, part of a training step"], "%", 3, None, "most"),
        ),
        "The host picks frames by index arithmetic, for one of two mirrored twins; camera geometry, projection and mirroring are "
        "compiled by XLA, for whole batches, as a GPU has it. Batches are read ahead in a second thread, as in training. On a GPU "
        "only the indices travel. On a CPU, whose steps XLA does not compile, examples take 2 to 5% of a step of small networks.",
        "The gather out of the memory map, and the copy to the framework's tensors.",
    ),
    Group(
        "Metrics",
        "a loop over frames, float64",
        (
            # Nothing but a pass over the poses: a loop waits for Python, ours for memory, and their ratio is another one on each
            # processor (43x and 42x on an Intel Xeon, 19x and 28x on an AMD EPYC). The bar is half of the least; the next two rows
            # compare with what limits ours.
            *_rows(["MPJPE", "N-MPJPE"], "frames/s", 10),
            *_rows(["MPJPE, of a conversion alone"], "frames/s", 0.35, None, "share"),
            *_rows(["N-MPJPE, of a conversion alone"], "frames/s", 0.25, None, "share"),
            *_rows(["P-MPJPE", "all metrics"], "frames/s", 30),
            *_rows(["all metrics, 500,000 frames"], "s", 6, None, "most"),
        ),
        "Chunks of frames that fit the cache, in threads, with the frames as the last axis; the rotation of P-MPJPE in closed "
        "form, singular value decompositions only where that would lose digits.",
        "Most of the time of MPJPE and N-MPJPE is the conversion of the poses from float32 with coordinates last to float64 with "
        "frames last, a pass over memory in large strides; plain copies of as many bytes would take a twentieth. *Of a "
        "conversion alone* compares with just that pass, as NumPy does it in as many threads. P-MPJPE is some hundred passes over "
        "the numbers of a chunk; correlating and rotating the poses is a quarter of it.",
    ),
    Group(
        "Loading the full Human3.6M",
        "nested dictionaries of arrays, copied for each camera",
        (
            *_rows(["loading"], "tables/s", 10),
            *_rows(["loading, until the first pose"], "tables/s", None),
            *_rows(["memory of loading"], "GB", 3),
            *_rows(["peak memory of evaluation"], "GB", 1.5, None, "most"),
            *_rows(["peak memory of training input"], "GB", 1.0, None, "most"),
        ),
        "The pose arrays are memory maps: opened at once, read where they are used; 3D poses are there once for all cameras. Timed "
        "with each pose read once; "
        "*memory of loading* and of training input are private memory; evaluation's peak has the pages of the table in it.",
        "Memory bandwidth, once each pose is read; until then the index: strings and the checks of all ranges.",
    ),
    Group(
        "The demo, and the start of a job",
        "",
        (
            *_rows(["the demo from nothing"], "s", 240, None, "most"),
            *_rows(["trainings of the demo"], "s", None, None, "most"),
            *_rows(["dry run of the paper's graph", "dry run of a workflow of one rule"], "s", None, None, "most"),
            *_rows(["dry run of the paper's graph, over that of one rule"], "x", 2.5, None, "most"),
            *_rows(["light jobs that load a deep-learning framework"], "jobs", 0, None, "most"),
        ),
        "The demo is all its 49 jobs on two cores, with nothing but the installation there; its trainings are the seconds of its "
        "four training jobs, of which two run at a time. Frameworks are imported where they are used. The fingerprints of code, "
        "once a third of a dry run, take one pass over each module.",
        "Of the demo, its trainings. Of a start, Snakemake's own (the row of one rule). Half of its imports are pandas, of its "
        "cluster plugin, and sqlmodel.",
    ),
)

# Measured by ``make bench-conversions``: no part of the page.
CONVERSIONS = Group(
    "From original files",
    "AMASS: all vertices of the body model posed, then the regressor; CMU and 2D ground truth: frame by frame",
    (
        *_rows(["AMASS conversion"], "frames/s", 10),
        *_rows(["AMASS, joints of posed bodies"], "frames/s", None),
        *_rows(["AMASS, memory of converting a long archive"], "GB", 2, None, "most"),
        *_rows(["CMU conversion"], "frames/s", None),
        *_rows(["CMU conversion, one core"], "frames/s", 5000, None, "least"),
        *_rows(["Human3.6M, 2D ground truth of four cameras"], "frames/s", None),
        *_rows(["Human3.6M, archives of the true size"], "s", 180, None, "most"),
        *_rows(["Human3.6M, memory of converting these"], "GB", 2, None, "most"),
    ),
    "Joints are posed instead of vertices; recordings are converted as whole arrays; archives are read as streams.",
    "Unpacking and parsing.",
)

ROWS = {row.name: row for group in (*GROUPS, CONVERSIONS) for row in group.rows}
PAGE_ROWS = [row.name for group in GROUPS for row in group.rows]
