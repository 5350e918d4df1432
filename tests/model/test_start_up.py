"""What a framework says when it is loaded: chatter is left out, and nothing else is lost, whatever happens meanwhile."""

import os
import subprocess
import sys

import pytest

from uplift_upsample.model.start_up import CHATTER

BEGIN = """
import os, sys
from uplift_upsample.model.start_up import CHATTER, without_chatter
def say(text):
    os.write(2, f"{text}\\n".encode())
def chatter():
    for line in CHATTER:
        say(f"I0000 00:00:1.2 34 port.cc:153] {line}")
"""


def _said(code: str, **more) -> tuple[str, int]:
    done = subprocess.run([sys.executable, "-c", BEGIN + code], stderr=subprocess.PIPE, text=True, check=False, **more)
    return done.stderr, done.returncode


def test_only_the_chatter_is_left_out() -> None:
    said, code = _said(
        "print('before', file=sys.stderr)\n"
        "with without_chatter():\n"
        "    chatter(); say('E0000 one'); print('two', file=sys.stderr); chatter(); os.write(2, b'three, \\xff\\0 and no end')\n"
        "chatter()\n",
        errors="replace",
    )
    lines = said.splitlines()
    assert [line.partition(",")[0] for line in lines[:4]] == ["before", "E0000 one", "two", "three"]
    assert [line.partition("] ")[2] for line in said.replace("no end", "no end\n").splitlines()[-3:]] == list(CHATTER)
    assert code == 0


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("raise ValueError('no framework')", "ValueError: no framework"),
        ("os.abort()", "F0000 the last words"),  # as TensorFlow does on a processor that it is not built for
        ("os.kill(os.getpid(), 9)", "F0000 the last words"),
        ("sys.exit('out')", "out"),
    ],
)
def test_no_error_is_lost(end: str, told: str) -> None:
    said, code = _said(f"with without_chatter():\n    chatter(); say('F0000 the last words'); {end}\n")
    assert "F0000 the last words" in said
    assert told in said
    assert code != 0


def test_nothing_to_write_to() -> None:
    """And whoever has the number 2 then is left alone."""
    said, code = _said(
        "os.close(2)\nwith without_chatter(): print('in', flush=True)\nassert os.open(os.devnull, os.O_RDONLY) == 2\n"
        "sys.stderr = None\nwith without_chatter(): print('in again', flush=True)\n",
        stdout=subprocess.PIPE,
    )
    assert (said, code) == ("", 0)


def test_no_sed() -> None:
    said, code = _said("os.defpath = '/nowhere'\nwith without_chatter(): chatter(); say('one')\n")
    assert [line.partition("] ")[2] or line for line in said.splitlines()] == [*CHATTER, "one"]
    assert code == 0


def test_a_process_that_goes_on_is_not_waited_for_long() -> None:
    said, code = _said(
        "import subprocess\nimport uplift_upsample.model.start_up as module\nmodule._PATIENCE = 0.1\n"
        "with without_chatter(): child = subprocess.Popen(['sh', '-c', 'read x; echo child >&2'], stdin=subprocess.PIPE)\n"
        "say('parent'); child.communicate(b'x\\n')\n"
    )
    assert said.splitlines() == ["parent", "child"]
    assert code == 0


def test_keras_is_loaded_without_a_word() -> None:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    said, code = _said("import uplift_upsample.model.backend as b\nsay('end')\nb.is_on_cpu()\n", env=environment)
    assert said == "end\n"
    assert code == 0
