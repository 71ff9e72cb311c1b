"""A look as text that fits a terminal: how the daemon is, its streams, the last events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from monitor import __version__
from monitor.present import place, rarity
from monitor.records import Event, Reading
from monitor.terminal.bar import ASCII, BLOCKS, Glyphs, bar, level
from monitor.terminal.figures import figure, lasting, moment
from monitor.terminal.look import Look, Stream

_STATES = {"ALARM": "bold red", "online": "green", "learning": "cyan", "starting": "yellow", "disabled": "dim"}
_STATE, _FIGURE = 9, 6  # columns
_BAR = range(6, 41)
_EVENTS = 8  # at most, where there is room for more


@dataclass(frozen=True, slots=True)
class Shape:
    """How wide what is drawn."""

    width: int
    name: int
    bar: int
    figures: int
    """How many of score, alarm level, level and lag there is room for."""
    level: str
    """What the level of the streams is."""
    glyphs: Glyphs


def frame(look: Look, *, width: int, height: int, ascii_only: bool = False) -> Text:
    """Lines that fit so many columns and rows, however few; the streams that matter most, where not all do."""
    shape = _shape(look, width, ASCII if ascii_only else BLOCKS)
    head = [_title(look, width), *_complaints(look)]
    room = height - len(head) - 2  # below the head, two lines of headings
    events = max(1, min(max(len(look.events), 1), _EVENTS, max(3, room - len(look.streams))))
    body = [*_streams(look, shape, max(room - events, 1)), *_events(look, shape, events)]
    lines = [*head, *body][:height]
    for line in lines:
        line.truncate(width, overflow="crop" if ascii_only else "ellipsis")
    return Text("\n", no_wrap=True, overflow="crop", end="").join(lines)


def _shape(look: Look, width: int, glyphs: Glyphs) -> Shape:
    name = max(6, min(max((len(s.name) for s in look.streams), default=0), width // 4))
    figures, wide = 4, 0
    while figures >= 0:
        wide = width - name - _STATE - 2 - figures * (_FIGURE + 1)
        if wide >= _BAR[0] or not figures:
            break
        figures -= 1
    return Shape(width, name, min(max(wide, _BAR[0]), _BAR[-1]), figures, _levels(look), glyphs)


def _title(look: Look, width: int) -> Text:
    told = "" if "broker" in look.complaints else "  broker connected" if look.broker else "  no broker: only shown here"
    title = Text(f"diffmon {__version__}  {look.node}  up {lasting(look.up_s)}{told}", "reverse")
    title.pad_right(max(0, width - title.cell_len))
    return title


def _complaints(look: Look) -> Iterator[Text]:
    for part, check in look.complaints.items():
        style = "bold red" if check.status == "failing" and look.warm else "yellow"
        yield Text.assemble((f"{part}: {check.detail}", style))


def _streams(look: Look, shape: Shape, room: int) -> Iterator[Text]:
    """A heading and at most so many lines."""
    yield _heading(shape)
    shown = look.streams if len(look.streams) <= room else _notable(look.streams, room - 1)
    yield from (_stream(stream, shape) for stream in shown)
    if len(shown) < len(look.streams):
        rest = Counter(s.state for s in look.streams if s not in shown)
        yield Text(f"and {len(look.streams) - len(shown)} more: " + ", ".join(f"{n} {state}" for state, n in rest.most_common()), "dim")


def _notable(streams: Sequence[Stream], most: int) -> list[Stream]:
    """The streams that somebody should look at first, in their own order."""

    def rank(stream: Stream) -> tuple[bool, bool, bool, float]:
        strange = 0.0 if stream.reading is None or not stream.threshold > 0 else stream.reading.score / stream.threshold
        return stream.open is None, stream.status not in ("no_signal", "offline"), stream.status != "online", -strange

    first = sorted(streams, key=rank)[: max(0, most)]
    return [stream for stream in streams if stream in first]


def _heading(shape: Shape) -> Text:
    mark = level(shape.bar)
    label = "alarm level " if mark >= 12 else ""
    over = (label.rjust(mark) + shape.glyphs.mark).ljust(shape.bar)
    figures = "".join(f" {name:>{_FIGURE}}" for name in ("score", "alarm", shape.level, "lag")[: shape.figures])
    return Text(f"{'stream':{shape.name}} {'state':{_STATE}} {over}{figures}", "dim")


def _stream(stream: Stream, shape: Shape) -> Text:
    name = _name(stream.name, shape)
    state = Text(f" {stream.state:{_STATE}} ", _STATES.get(stream.state, "bold yellow"))
    if stream.why or stream.reading is None:
        return Text.assemble(name, state, (stream.why, "yellow" if stream.status in ("no_signal", "offline") else "dim"))
    reading = stream.reading
    figures = (figure(reading.score), figure(stream.threshold), _level(stream, reading), lasting(stream.lag_s))
    drawn = bar(reading.score, stream.threshold, shape.bar, shape.glyphs)
    return Text.assemble(name, state, drawn, "".join(f" {text:>{_FIGURE}}" for text in figures[: shape.figures]))


def _levels(look: Look) -> str:
    """What levels are, of the senses that there are."""
    seen = {stream.seen for stream in look.streams}
    return "dBFS/%" if len(seen) > 1 else "bright" if True in seen else "dBFS"


def _level(stream: Stream, reading: Reading) -> str:
    """How loud, or of a picture how bright."""
    return f"{100 * 10 ** (reading.level_db / 20):.0f} %" if stream.seen else figure(reading.level_db)


def _name(name: str, shape: Shape) -> Text:
    text = Text(name)
    text.truncate(shape.name, pad=True, overflow="ellipsis" if shape.glyphs is BLOCKS else "crop")
    return text


def _events(look: Look, shape: Shape, room: int) -> Iterator[Text]:
    """A heading and at most so many lines."""
    yield Text("last events" if look.events else "no events yet", "dim")
    yield from (_event(event, look, shape) for event in look.events[:room])


def _event(event: Event, look: Look, shape: Shape) -> Text:
    goes_on = event.type != "end"
    begun = f"{moment(event.start_unix, look.unix_s)} "
    state = Text(f" {'ALARM' if goes_on else 'ended':5}", "bold red" if goes_on else "dim")
    seen = f" {lasting(event.end_unix - event.start_unix):>6} {figure(event.peak_score):>6}  {place(dict(event.where))}  {rarity(event)}"
    return Text.assemble(begun, _name(event.stream, shape), state, seen, "" if event.reason in (None, "quiet") else f"  {event.reason}")
