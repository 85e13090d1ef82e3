"""Every error Bordor raises on purpose, as one tree.

BordorError              exit 1   something is missing or broken outside the code
├── UsageError           exit 2   the command line asks for what cannot be done
├── SpecError            exit 2   a TOML file is wrong: file, key path, what, remedy
├── StoryError           exit 2   a story folder contradicts itself: file, entry, remedy
├── LabelError           exit 2   a file of labelled answers is wrong: file, line, remedy
├── ModelError           exit 1   weights, adapter, memory or token missing or unfit
├── TrainingError        exit 1   a base or an adapter could not be trained
├── BackendError         exit 1   generation failed
├── GradingError         exit 1   an answer cannot be graded at all (a bug or bad input)
├── PairingError         exit 1   two runs cannot be compared; what differs, or is missing
└── StoreError           exit 1   a run folder is missing or finished; a place cannot be written
    └── DamageError      exit 1   a file of a run is missing, damaged or not as it was written

The command line catches BordorError, prints the message without a traceback and
exits with `exit_code`. Anything else is a bug and shows its traceback.
"""


class BordorError(Exception):
    """Root of the tree; the message says where, what, and the next step."""

    exit_code = 1


class UsageError(BordorError):
    """The request itself is wrong."""

    exit_code = 2


class SpecError(BordorError):
    """A TOML file does not follow its specification."""

    exit_code = 2


class StoryError(BordorError):
    """A story folder is inconsistent."""

    exit_code = 2


class LabelError(BordorError):
    """A file of labelled answers does not follow its format."""

    exit_code = 2


class ModelError(BordorError):
    """A model cannot be found, loaded or trusted."""


class TrainingError(BordorError):
    """Training cannot start or did not finish."""


class BackendError(BordorError):
    """A backend could not produce answers."""


class GradingError(BordorError):
    """Grading cannot be done on this input."""


class StoreError(BordorError):
    """A run folder cannot be read or written, or another place cannot be written."""


class DamageError(StoreError):
    """A file of a run folder is missing, damaged or not as it was written."""


class PairingError(BordorError):
    """Two runs cannot be compared."""


def first_line(error: BaseException) -> str:
    """The first line of what an error of another library says, or its kind where it is mute."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
