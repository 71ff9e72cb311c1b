"""What can go wrong, by who has to act on it; each carries one sentence for a person and an exit code."""


class DiffmonError(Exception):
    """A failure that a person can act on; printed without a traceback."""

    exit_code = 1


class ConfigError(DiffmonError):
    """The configuration file is wrong: the message says file, key, value and what was expected."""

    exit_code = 78


class SettingError(ConfigError):
    """A key of the configuration is wrong: the message says key, value and what was expected, and not yet in which file."""


class SourceError(DiffmonError):
    """A file, device or stream cannot be read."""


class SinkError(DiffmonError):
    """Events cannot be handed on."""


class ModelError(DiffmonError):
    """A checkpoint or profile cannot be read, or does not fit what it is used for."""


class OutOfMemoryError(DiffmonError):
    """The device has no room for so many windows at once; half of them may fit."""
