"""The one error that a user of the project should ever see without a traceback."""


class InputError(ValueError):
    """Something that the user gave (a file, an option, a configuration) cannot be used.

    The message says what is wrong, where, and what to do about it.
    """
