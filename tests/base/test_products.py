"""Bytes do not depend on the threads of NumPy's BLAS: they are held to one while products are made, and given back."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from uplift_upsample.base.cameras import h36m_cameras, world_to_camera
from uplift_upsample.base.products import one_blas_thread
from uplift_upsample.data.mocap.capture_space import place_in_capture_space
from uplift_upsample.data.mocap.own_axes import to_world

NUM_FRAMES = 10_007  # enough for every product below to be divided, and not a multiple of what a kernel takes at a time


@pytest.fixture
def blas_threads():
    """Three threads, whatever the machine and the environment have."""
    with threadpool_limits(3, user_api="blas"):
        yield lambda: {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_threads_are_held_and_given_back(blas_threads):
    if not blas_threads():
        pytest.skip("NumPy has a BLAS here whose threads nobody can set")
    assert blas_threads() == {3}
    with one_blas_thread():
        assert blas_threads() == {1}
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {3}
    with pytest.raises(ZeroDivisionError), one_blas_thread():
        1 / 0  # noqa: B018
    assert blas_threads() == {3}


def test_threads_of_a_process_take_turns(blas_threads):
    is_through = threading.Event()

    def hold() -> None:
        with one_blas_thread():
            is_through.set()

    other = threading.Thread(target=hold)
    with one_blas_thread():
        other.start()
        assert not is_through.wait(0.05)
        assert blas_threads() <= {1}
    other.join()
    assert is_through.is_set()
    assert blas_threads() <= {3}


def _cameras():
    cameras = h36m_cameras()
    return cameras.rotations[:1].astype(np.float64), cameras.translation[:1].astype(np.float64)


def _travelled(poses):
    """Recordings that stay on a spot are neither turned nor cut."""
    return poses / 1000 + np.linspace(0, 4, len(poses))[:, None, None]


PRODUCTS = {
    "world to camera": lambda poses: world_to_camera(poses[None], *_cameras()),
    "own recordings": lambda poses: to_world(poses, "mm", "y"),
    "capture space": lambda poses: np.concatenate(place_in_capture_space(_travelled(poses))),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_threads_change_no_bit(name):
    poses = np.random.default_rng(0).normal(0, 1, (NUM_FRAMES, 17, 3))
    results = []
    for number in (1, 2, 3):
        with threadpool_limits(number, user_api="blas"):
            results.append(PRODUCTS[name](poses).tobytes())
    assert len(set(results)) == 1
