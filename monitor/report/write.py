"""The report and its picture, written once the replay is over."""

from __future__ import annotations

from pathlib import Path

from monitor.offline import Judging, Setting
from monitor.report.basis import basis
from monitor.report.chronicle import Chronicle
from monitor.report.gather import gather
from monitor.whole import write_whole


def write(chronicle: Chronicle, chosen: Setting, by: Judging, *, report: Path | None, png: Path | None) -> None:
    """Writes those that are asked for, each whole or not at all. Raises DiffmonError."""
    rests, closeups = basis(chosen, by), gather(chronicle, by)
    if report is not None:
        from monitor.report.page import page

        write_whole(report, page(chronicle, rests, closeups))
    if png is not None:
        from monitor.report.poster import poster

        write_whole(png, poster(chronicle, rests, closeups))
