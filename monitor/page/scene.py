"""All that the page shows, and what of it has changed."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from monitor import __version__
from monitor.page.board import Board, Entry
from monitor.page.clips import Clips
from monitor.page.columns import SHOWN_S, Columns, Seen
from monitor.records import Reading
from monitor.sink.healthz import Check, Health
from monitor.sink.vitals import Vitals
from monitor.watch import Watch

Part = dict[str, Any]
"""What JSON has room for."""


class Scene:
    """Puts together what there is to see. One thread calls it, and nothing is computed but when it is asked.

    Args:
        node: this box.
        board: what was found.
        vitals: how the daemon is.
        clips: what was kept of events.
        guarded: whether who looks had to say a token.
    """

    def __init__(self, node: str, board: Board, vitals: Vitals, clips: Clips, *, guarded: bool = False) -> None:
        self.watches: Mapping[str, Watch] = {}
        """By stream, once the models are loaded; set by another thread."""
        self._guarded = guarded
        self._node, self._board, self._vitals, self._clips = node, board, vitals, clips
        self._health = Health(vitals)
        self._columns: dict[str, Columns] = {}
        self._told: dict[str, Any] = {}
        """By what it is, as it was told last."""
        self._counts: dict[str, int] = {}
        self._changes = -1
        self._coming: dict[tuple[str, str], tuple[Entry, Part]] = {}
        """Events of which files are to come, and as they were told last."""

    @property
    def streams(self) -> list[str]:
        """That there are."""
        return list(self._vitals.statuses)

    def begin(self) -> None:
        """Forgets what it told: somebody looks again after a while."""
        self._told.clear()
        for columns in self._columns.values():
            columns.forget()
        self.changed()

    def whole(self) -> Part:
        """Everything, as of what `changed` told last."""
        return {
            "node": self._node,
            "version": __version__,
            "guarded": self._guarded,
            "shown_s": SHOWN_S,
            "health": self._told.get("health", []),
            "streams": {name: self._whole(name) for name in self.streams},
            "events": [self._event(entry) for entry in self._board.entries()],
        }

    def changed(self) -> Part:
        """What is not as it was told last; nothing if all is."""
        health = [{"part": part, **asdict(check)} for part, check in self._checks()]
        found = {
            "health": self._news("health", health),
            "streams": {name: part for name in self.streams if (part := self._changed(name))},
            "events": self._events(),
        }
        return {name: part for name, part in found.items() if part}

    def _checks(self) -> Iterator[tuple[str, Check]]:
        """How the parts are that are no stream."""
        yield from ((part, check) for part, check in self._health.checks().items() if not part.startswith("stream "))
        if self._vitals.evidence_failing():
            yield "evidence", Check("degraded", "the disk takes no sound and no picture; events are told all the same")

    def _whole(self, stream: str) -> Part:
        _, readings = self._board.readings(stream, 0)
        columns = self._columns.get(stream)
        sound = {} if columns is None else self._sound(stream, columns, columns.whole())
        return {"state": self._told.get(stream), "readings": _series(readings), **sound, **self._frame(stream)}

    def _changed(self, stream: str) -> Part:
        self._counts[stream], readings = self._board.readings(stream, self._counts.get(stream, 0))
        columns = self._heard(stream)
        found = {
            "state": self._news(stream, self._state(stream)),
            "readings": _series(readings),
            **({} if columns is None else self._sound(stream, columns, columns.advance())),
            **(self._news(f"frame {stream}", self._frame(stream)) or {}),
        }
        return {name: part for name, part in found.items() if part not in (None, {})}

    def _state(self, stream: str) -> Part:
        """A stream, but for its readings."""
        shown, watch = self._board.shown(stream), self.watches.get(stream)
        state: Part = {
            "status": self._vitals.statuses[stream],
            "reason": self._vitals.reason(stream),
            "enabled": shown.enabled,
            "per_day": shown.per_day,
            "silent_until_unix": round(shown.silent_until),
        }
        if watch is not None:
            state |= {
                "kind": watch.identity.kind,
                "open": watch.open,
                "muted": watch.muted,
                "threshold": watch.level.threshold,
                "extrapolated": watch.level.extrapolated,
            }
        if stream in self._columns:
            state["edges_hz"] = self._columns[stream].edges_hz
        return state

    def _heard(self, stream: str) -> Columns | None:
        """A stream's columns, if it is one that is heard."""
        watch = self.watches.get(stream)
        if watch is not None and watch.identity.kind == "audio" and stream not in self._columns:
            self._columns[stream] = Columns(watch.ring)
        return self._columns.get(stream)

    def _sound(self, stream: str, columns: Columns, seen: Seen) -> Part:
        if not len(seen):
            return {}
        end_unix = self.watches[stream].unix_of(columns.end)
        return {
            "columns": {
                "end_unix": end_unix,
                "column_s": columns.column_s,
                "n": len(seen),
                "data": base64.b64encode(seen.tobytes()).decode(),
            }
        }

    def _frame(self, stream: str) -> Part:
        """Which picture is the last of a stream that is seen."""
        watch = self.watches.get(stream)
        return {} if watch is None or watch.identity.kind != "image" or not watch.ring.end else {"frame": watch.ring.end - 1}

    def _events(self) -> list[Part]:
        """Events that were told anew, or of which files have come, or will not come any more."""
        entries = self._board.entries(self._changes)
        self._changes = max([self._changes, *(entry.changed for entry in entries)])
        self._coming |= {_key(entry): (entry, {}) for entry in entries}
        found = []
        for key, (entry, told) in list(self._coming.items()):
            part = self._event(entry)
            if part != told:
                found.append(part)
            if part["kept"] == "coming":
                self._coming[key] = entry, part
            else:
                del self._coming[key]
        return found

    def _event(self, entry: Entry) -> Part:
        kept, files = self._clips.kept(entry)
        return {**entry.event, "marked": entry.marked, "refused": entry.refused, "kept": kept, "files": files}

    def _news(self, what: str, part: Any) -> Any:
        """The part, if it is not as it was told last."""
        if self._told.get(what) == part:
            return None
        self._told[what] = part
        return part


def _series(readings: Sequence[Reading]) -> Part:
    """Readings, each of their numbers as a list; nothing if there are none."""
    if not readings:
        return {}
    return {
        "at_unix": [each.unix_s for each in readings],
        "score": [each.score for each in readings],
        "p_value": [each.p_value for each in readings],
        "level_dbfs": [each.level_db for each in readings],
    }


def _key(entry: Entry) -> tuple[str, str]:
    return entry.event["stream"], entry.event["id"]
