"""The one error that a user of the project should ever see without a traceback."""

_LONGEST = 20_000  # letters; chosen: screens full of faults, but not a file that a message quotes


class InputError(ValueError):
    """Something that the user gave (a file, an option, a configuration) cannot be used.

    The message states what is wrong, where, and what to do about it. It may quote a file, so control characters and lone surrogates
    are written as their codes, and a very long text is cut.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(_readable(str(message)))


class WriteError(InputError, OSError):
    """An output cannot be written: no room, no permission. What was there before is untouched."""


class MissingBackendError(InputError, ImportError):
    """What runs the network is not installed."""


def _readable(text: str) -> str:
    """Letters that can be printed, and not too many of them."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}... ({len(text) - _LONGEST} further letters)"
    if text.replace("\n", "").isprintable():
        return text
    letters = (letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text.expandtabs(1))
    return "".join(letters)
