"""All checks, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from monitor.config import Config, load
from monitor.doctor import Finding, audio, broker, camera, clock, configuration, disk, gpu, page, permissions

GROUPS: tuple[tuple[str, Callable[[Config], Iterable[Finding]]], ...] = (
    ("configuration", configuration.findings),
    ("GPU", lambda config: gpu.findings(config.device)),
    ("audio", audio.findings),
    ("camera", camera.findings),
    ("broker", broker.findings),
    ("page", page.findings),
    ("disk", disk.findings),
    ("permissions", permissions.findings),
    ("clock", lambda config: clock.findings()),
)


def examine(path: Path, groups: Iterable[tuple[str, Callable[[Config], Iterable[Finding]]]] = GROUPS) -> Iterator[Finding]:
    """A finding a check, as it is made. Raises ConfigError if the configuration does not load: all else follows from it."""
    config = load(path)
    yield Finding("configuration", "ok", f"{path}: valid; node {config.node}")
    for name, group in groups:
        yield from _guarded(name, group, config)


def _guarded(name: str, group: Callable[[Config], Iterable[Finding]], config: Config) -> Iterator[Finding]:
    """The findings of a group. A fault of ours in one must not hide the others."""
    try:
        yield from group(config)
    except Exception as error:
        yield Finding(name, "failed", f"this check itself failed: {error!r}", "diffmon --version  # and tell its authors")
