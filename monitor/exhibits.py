"""What is kept of the events of a stream, by its sense: a part of the composition root."""

from __future__ import annotations

from functools import partial

from monitor.config import EvidenceConfig, StreamConfig
from monitor.evidence import Begin, audio, image
from monitor.evidence.names import Namer, namer
from monitor.evidence.sink import Evidence
from monitor.ring import Ring

_SUFFIXES = {"audio": audio.suffixes, "image": image.suffixes}


def names(stream: StreamConfig, config: EvidenceConfig) -> Namer:
    """What events of a stream say of their evidence."""
    return namer(stream.name, _SUFFIXES[stream.kind](config))


def begin(stream: StreamConfig, ring: Ring, evidence: Evidence, explain: image.Explain) -> Begin:
    """What begins with an event of a stream."""
    store, pictured = evidence.store, evidence.pictured
    match stream.kind:
        case "audio":
            return partial(audio.AudioExhibit, ring=ring, store=store, config=evidence.config, pictured=pictured)
        case "image":
            return partial(image.ImageExhibit, ring=ring, store=store, explain=explain, pictured=pictured)
