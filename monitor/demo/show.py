"""The demo: a machine room is learned, four faults are planted, and a subscriber says what it heard of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import click
import soundfile
from pydantic import ValidationError

from monitor import build, log
from monitor.config import Config, MqttConfig, load
from monitor.demo.broker import HOST, Broker
from monitor.demo.fault import Planted, plant
from monitor.demo.sound import RATE_HZ, Room
from monitor.errors import DiffmonError
from monitor.learn import training
from monitor.present import clock, follow, place
from monitor.sink.login import login
from monitor.sink.mqtt import Mqtt
from monitor.sink.outbox import Outbox
from monitor.sink.subscriber import Heard, Subscriber
from monitor.whole import check_writable, write_whole

NORMAL_S, LIVE_S = 480.0, 110.0
IN_TIME_S = 2.0
"""An alarm counts if it comes this soon after the onset."""
_ANSWER_S = 10.0
_AFTER_S = IN_TIME_S  # a fault that has just ended may still be announced
# What the room sounds like when it is learned and when it is watched must not be the same noise.
_LEARNED, _WATCHED = 1_000_000, 2_000_000
_ROW = "{:10s} {:>8s} {:>9s} {:>7s} {:>7s} {:>7s}  {}"


@dataclass(frozen=True, slots=True)
class Found:
    """A planted fault, and the first alarm that came while it sounded."""

    fault: Planted
    alarm: Heard | None
    whole: dict[str, Any]
    """The last that was heard of that event; empty without an alarm."""
    delay_s: float

    @property
    def in_time(self) -> bool:
        """Whether it was announced soon enough."""
        return self.alarm is not None and self.delay_s <= IN_TIME_S


def run(*, seed: int, out: Path, budget_s: float, broker: str | None) -> int:
    """Runs the demo; 0 if all faults were announced in time and nothing else was."""
    _require()
    named = _address(broker) if broker is not None else None
    _make(out)
    room = Room.drawn(seed)
    planted = _record(room, out, seed)
    click.echo(f"Learning what is normal in a machine room, from {NORMAL_S / 60:.0f} minutes of its sound:")
    follow(training.train([out / "normal.wav"], out / "model.safetensors", kind="audio", budget_s=budget_s, seed=seed), as_json=False)
    with _listening(named) as (host, port):
        config = _configure(out, host, port, seed)
        began_s, heard = _watch(config, host, port)
    found, false = matched(planted, heard, began_s)
    _table(found, false, began_s)
    picture = _picture(config, out, found)
    return _verdict(found, false, out, picture)


def matched(planted: Sequence[Planted], heard: Sequence[Heard], began_s: float) -> tuple[list[Found], list[Heard]]:
    """Every fault with the first alarm that came between its onset and a little after its end; and the alarms that fit none."""
    alarms = [h for h in heard if h.event["type"] == "new"]
    found, used = [], set()
    for fault in planted:
        mine = [h for h in alarms if fault.onset_s <= h.at_s - began_s <= fault.end_s + _AFTER_S]
        used |= {id(h) for h in mine}
        delay_s = mine[0].at_s - began_s - fault.onset_s if mine else float("inf")
        whole = [h.event for h in heard if mine and h.event["id"] == mine[0].event["id"]]
        found.append(Found(fault, mine[0] if mine else None, whole[-1] if whole else {}, delay_s))
    return found, [h for h in alarms if id(h) not in used]


def _require() -> None:
    try:
        import amqtt  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise DiffmonError(f"the demo needs {error.name}: pip install 'diffmon[demo]'") from None


def _record(room: Room, out: Path, seed: int) -> list[Planted]:
    soundfile.write(out / "normal.wav", room.sound(NORMAL_S, seed=_LEARNED + seed), RATE_HZ)
    sound, planted = plant(room, seconds=LIVE_S, seed=_WATCHED + seed)
    soundfile.write(out / "live.wav", sound, RATE_HZ)
    return planted


@contextmanager
def _listening(broker: tuple[str, int] | None) -> Iterator[tuple[str, int]]:
    """Where the broker is: the one that was named, or one of our own."""
    if broker is not None:
        yield broker
        return
    with Broker() as own:
        yield HOST, own.port


def _address(broker: str) -> tuple[str, int]:
    """Host and port of a broker that can be reached. Raises DiffmonError, before a minute goes into training."""
    host, _, port = broker.rpartition(":")
    try:
        config = MqttConfig(host=host, port=port)  # type: ignore[arg-type]  # pydantic reads the number
        socket.create_connection((config.host, config.port), timeout=5.0).close()
    except ValidationError:
        raise DiffmonError(f"--mqtt: {broker!r}, expected HOST:PORT") from None
    except OSError as error:
        raise DiffmonError(f"--mqtt: {broker}: cannot be reached: {error}") from None
    return config.host, config.port


def _make(out: Path) -> None:
    """The folder, with room for every file. Raises DiffmonError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiffmonError(f"{out}: cannot be made: {error.strerror}") from None
    for name in ("normal.wav", "live.wav", "model.safetensors", "diffmon.toml", "picture.png"):
        check_writable(out / name)


def _configure(out: Path, host: str, port: int, seed: int) -> Config:
    path = out / "diffmon.toml"
    write_whole(
        path,
        f"""node = "demo-{seed}"
jsonl = false

[mqtt]
host = "{host}"
port = {port}

[[stream]]
name = "machine-room"
source = {{ type = "file", paths = ["live.wav"] }}
model = "model.safetensors"
""",
    )
    return load(path)


def _watch(config: Config, host: str, port: int) -> tuple[float, list[Heard]]:
    """Plays the live sound through the daemon's own pipeline; when it began, and what a subscriber heard."""
    log.configure("error")
    heard: list[Heard] = []
    click.echo(f"\nListening for {LIVE_S:.0f} s, through MQTT at {host}:{port}, for four faults at random times:")
    with ExitStack() as closing:
        assert config.mqtt is not None  # noqa: S101  # as it was written
        me = replace(login(config.mqtt, node=config.node, will_topic=None), client_id=f"diffmon-{config.node}-subscriber")
        subscriber = Subscriber(me, [f"{config.topic}/{config.node}/+/event"], heard.append)
        closing.callback(subscriber.close)
        if not subscriber.ready(_ANSWER_S):
            raise DiffmonError(f"broker {host}:{port} does not let us subscribe")
        outbox = Outbox()
        sink = Mqtt(config.mqtt, outbox, node=config.node, topic=config.topic, streams=[s.name for s in config.stream])
        closing.callback(sink.close)
        pipeline, _ = build.pipeline(config, [sink], outbox, orders=SimpleQueue(), told=lambda *_: None)
        pipeline.run()
        began_s = pipeline.watches["machine-room"].ring.time_of(0)
    return began_s, heard


def _table(found: Sequence[Found], false: Sequence[Heard], began_s: float) -> None:
    click.echo(_ROW.format("fault", "level dB", "planted", "heard", "delay", "score", "band"))
    for f in found:
        planted = (f.fault.fault, f"{f.fault.level_db:+.1f}", clock(f.fault.onset_s))
        if f.alarm is None:
            click.echo(_ROW.format(*planted, "-", "-", "-", "not announced"))
        else:
            event = f.alarm.event
            told = (clock(f.alarm.at_s - began_s), f"{f.delay_s:.2f} s", f"{event['score']:.1f}", place(event["where"]))
            click.echo(_ROW.format(*planted, *told))
    for h in false:
        at = clock(h.at_s - began_s)
        click.echo(_ROW.format("none", "", "", at, "", f"{h.event['score']:.1f}", place(h.event["where"]) + "  FALSE ALARM"))


def _picture(config: Config, out: Path, found: Sequence[Found]) -> Path | None:
    """Draws the clearest event; none if there was none."""
    from monitor.demo.draw import draw_event

    alarms = [f for f in found if f.alarm is not None]
    if not alarms:
        return None
    clearest = max(alarms, key=lambda f: float(f.whole["peak_score"]))
    picture = out / "picture.png"
    draw_event(picture, out / "live.wav", config, clearest.whole, f"machine room: {clearest.fault.fault}")
    return picture


def _verdict(found: Sequence[Found], false: Sequence[Heard], out: Path, picture: Path | None) -> int:
    in_time = sum(f.in_time for f in found)
    fault_free_s = LIVE_S - sum(f.fault.end_s + _AFTER_S - f.fault.onset_s for f in found)
    click.echo(f"\nfaults announced within {IN_TIME_S:g} s: {in_time} of {len(found)}")
    click.echo(f"false alarms in {fault_free_s:.0f} s without a fault: {len(false)}")
    click.echo(f"model: {out / 'model.safetensors'}    picture: {picture or 'none, no event'}")
    click.echo(f"the same offline: diffmon replay {out / 'live.wav'} --model {out / 'model.safetensors'}")
    return 0 if in_time == len(found) and not false else 1
