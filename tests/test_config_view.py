"""Streams of pictures in the configuration: which sources fit, and what of them is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monitor.config import Config, MicrophoneConfig, ViewConfig, parse
from monitor.errors import ConfigError
from monitor.opened import pulse, view
from monitor.source.pulse import PicturePulse, SoundPulse
from monitor.source.view import View

CAMERA = {"type": "camera", "device": "/dev/video0"}


def parsed(**stream: Any) -> Config:
    """A configuration with one stream."""
    return parse({"stream": [{"name": "belt", "model": "belt.model", "source": CAMERA, **stream}]}, name="a.toml", folder=Path("/etc"))


def test_a_view_is_taken_as_it_is_written() -> None:
    """And a stream of pictures without one looks at all of them."""
    masks = [[[0, 0], [9, 0], [9, 9]]]
    stream = parsed(kind="image", view={"rate_hz": 4, "crop": [280, 0, 720, 720], "masks": masks}).stream[0]
    assert ViewConfig(rate_hz=4.0, crop=(280, 0, 720, 720), masks=(((0, 0), (9, 0), (9, 9)),)) == stream.view
    assert View(256, (280, 0, 720, 720), (((0, 0), (9, 0), (9, 9)),)) == view(stream, 256)
    assert View(128) == view(parsed(kind="image").stream[0], 128)


def test_each_sense_has_its_pulse() -> None:
    """And what is heard has no view."""
    stream = parsed(source=MicrophoneConfig(type="microphone")).stream[0]
    assert (SoundPulse, PicturePulse) == (pulse(stream), pulse(parsed(kind="image").stream[0]))
    assert view(stream, 1) is None


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ({}, ": source.type: 'camera' does not fit kind 'audio', expected microphone, file, folder, network or stdin"),
        (
            {"kind": "image", "source": {"type": "microphone"}},
            ": source.type: 'microphone' does not fit kind 'image', expected camera, file, folder or network",
        ),
        (
            {"kind": "image", "source": {"type": "stdin", "rate_hz": 16000}},
            ": source.type: 'stdin' does not fit kind 'image', expected camera, file, folder or network",
        ),
        ({"source": {"type": "microphone"}, "view": {}}, ": view: is for kind 'image', and this is 'audio'"),
        ({"kind": "image", "source": {"type": "camera"}}, ".source.device: missing"),
        ({"kind": "image", "source": {**CAMERA, "device": ""}}, ".source.device: '': string should have at least 1 character"),
        ({"kind": "image", "source": {**CAMERA, "size": [8, 720]}}, ".source.size[0]: 8: input should be greater than or equal to 16"),
        ({"kind": "image", "source": {**CAMERA, "size": 720}}, ".source.size: expected a list"),
        ({"kind": "image", "source": {**CAMERA, "channel": 1}}, ".source.channel: unknown key"),
        ({"kind": "image", "view": {"rate_hz": 0}}, ".view.rate_hz: 0: input should be greater than or equal to 0.1"),
        ({"kind": "image", "view": {"rate_hz": 60}}, ".view.rate_hz: 60: input should be less than or equal to 30"),
        ({"kind": "image", "view": {"crop": [0, -1, 64, 64]}}, ".view.crop[1]: -1: input should be greater than or equal to 0"),
        ({"kind": "image", "view": {"crop": [0, 0, 64, 8]}}, ".view.crop[3]: 8: input should be greater than or equal to 16"),
        ({"kind": "image", "view": {"masks": [[[0, 0], [1, 1]]]}}, ".view.masks[0]: [[0, 0], [1, 1]]: expected at least 3"),
        ({"kind": "image", "view": {"mask": []}}, ".view.mask: unknown key"),
    ],
)
def test_what_does_not_fit_is_one_line(stream: dict[str, Any], expected: str) -> None:
    """Key, value, and what was expected."""
    with pytest.raises(ConfigError) as caught:
        parsed(**stream)
    assert f"a.toml: stream[0]{expected}" == str(caught.value)
