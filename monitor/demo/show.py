"""The demo: a scene is learned, faults are planted in it, and a subscriber says what it heard of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import click
from pydantic import ValidationError

from monitor import build, log
from monitor.config import Config, MqttConfig, load
from monitor.demo.broker import HOST, Broker
from monitor.demo.learning import MODEL, PROFILE, Learn, Learned
from monitor.demo.scene import IN_TIME_S, About, Found, Planted, Scene, Staged
from monitor.errors import DiffmonError
from monitor.present import clock, place
from monitor.sink.login import login
from monitor.sink.mqtt import Mqtt
from monitor.sink.outbox import Outbox
from monitor.sink.subscriber import Heard, Subscriber
from monitor.whole import check_writable, write_whole

_ANSWER_S = 10.0
_AFTER_S = IN_TIME_S  # a fault that has just ended may still be announced
_ROW = "{:12s} {:>8s} {:>8s} {:>9s} {:>7s} {:>7s}  {}"


def run(scene: Scene, *, seed: int, out: Path, learn: Learn, broker: str | None) -> int:
    """Runs the demo; 0 if all faults were announced in time and nothing else was."""
    _require()
    named = _address(broker) if broker is not None else None
    about = scene.about
    _make(out, about)
    staged = scene.record(out)
    learned = learn(about, out, seed)
    with _listening(named) as (host, port):
        config = _configure(out, about, learned, host, port, seed)
        began_s, heard = _watch(config, about, host, port)
    for row in table(scene, staged, heard, began_s):
        click.echo(row)
    found, false = matched(staged.faults, heard, began_s)
    picture = _picture(scene, config, out, found)
    return _verdict(about, learned, found, false, out, picture)


def matched(planted: Sequence[Planted], heard: Sequence[Heard], began_s: float) -> tuple[list[Found], list[Heard]]:
    """Each with the first alarm that came from its beginning to a little after its end; and the alarms that fit none."""
    alarms = [h for h in heard if h.event["type"] == "new"]
    found, used = [], set()
    for fault in planted:
        mine = [h for h in alarms if fault.first_s <= h.at_s - began_s <= fault.end_s + _AFTER_S]
        used |= {id(h) for h in mine}
        delay_s = mine[0].at_s - began_s - fault.onset_s if mine else float("inf")
        whole = [h.event for h in heard if mine and h.event["id"] == mine[0].event["id"]]
        found.append(Found(fault, mine[0] if mine else None, whole[-1] if whole else {}, delay_s))
    return found, [h for h in alarms if id(h) not in used]


def table(scene: Scene, staged: Staged, heard: Sequence[Heard], began_s: float) -> Iterator[str]:
    """What was announced of what happened, a line each, with a heading."""
    found, false = matched(staged.faults, heard, began_s)
    spared, _ = matched(staged.harmless, false, began_s)
    yield _ROW.format("fault", scene.about.detail, "planted", "heard", "delay", "score", "where")
    for f in found:
        event = None if f.alarm is None else f.alarm.event
        planted = (f.fault.fault, scene.detail(f.fault, event), clock(f.fault.onset_s))
        if f.alarm is None or event is None:
            yield _ROW.format(*planted, "-", "-", "-", "not announced")
        else:
            told = (clock(f.alarm.at_s - began_s), f"{f.delay_s:.2f} s", f"{event['score']:.1f}", place(event["where"]))
            yield _ROW.format(*planted, *told)
    for f in spared:
        said = "not announced, as it should be" if f.alarm is None else "announced, though it is no fault"
        yield _ROW.format(f.fault.fault, "", clock(f.fault.onset_s), "-", "-", "-", said)
    for h in false:
        at = clock(h.at_s - began_s)
        yield _ROW.format("none", "", "", at, "", f"{h.event['score']:.1f}", place(h.event["where"]) + "  FALSE ALARM")


def _require() -> None:
    try:
        import amqtt  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise DiffmonError(f"the demo needs {error.name}: pip install 'diffmon[demo]'") from None


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


def _make(out: Path, about: About) -> None:
    """The folder, with room for every file. Raises DiffmonError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiffmonError(f"{out}: cannot be made: {error.strerror}") from None
    for name in (about.normal, about.live, MODEL, PROFILE, "diffmon.toml", "picture.png"):
        check_writable(out / name)


def _configure(out: Path, about: About, learned: Learned, host: str, port: int, seed: int) -> Config:
    path = out / "diffmon.toml"
    write_whole(
        path,
        f"""node = "demo-{seed}"
jsonl = false

[mqtt]
host = "{host}"
port = {port}

[[stream]]
name = "{about.stream}"
kind = "{about.kind}"
source = {{ type = "file", paths = ["{about.live}"] }}
{learned.toml}
""",
    )
    return load(path)


def _watch(config: Config, about: About, host: str, port: int) -> tuple[float, list[Heard]]:
    """Plays the live recording through the daemon's own pipeline; when it began, and what a subscriber heard."""
    log.configure("error")
    heard: list[Heard] = []
    click.echo(f"\n{about.watching}, through MQTT at {host}:{port}, for {about.looked_for} at random times:")
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
        began_s = pipeline.watches[about.stream].ring.time_of(0)
    return began_s, heard


def _picture(scene: Scene, config: Config, out: Path, found: Sequence[Found]) -> Path | None:
    """Draws the clearest event; none if there was none."""
    alarms = [f for f in found if f.alarm is not None]
    if not alarms:
        return None
    clearest = max(alarms, key=lambda f: float(f.whole["peak_score"]))
    picture = out / "picture.png"
    scene.draw(picture, out / scene.about.live, config, clearest.whole, f"{scene.about.stream}: {clearest.fault.fault}")
    return picture


def _verdict(about: About, learned: Learned, found: Sequence[Found], false: Sequence[Heard], out: Path, picture: Path | None) -> int:
    in_time = sum(f.in_time for f in found)
    fault_free_s = about.live_s - sum(f.fault.end_s + _AFTER_S - f.fault.first_s for f in found)
    click.echo(f"\nfaults announced within {IN_TIME_S:g} s: {in_time} of {len(found)}")
    click.echo(f"false alarms in {fault_free_s:.0f} s without a fault: {len(false)}")
    click.echo(f"picture: {picture or 'none, no event'}")
    click.echo(f"the same offline: diffmon replay {out / about.live} {learned.options}")
    return 0 if in_time == len(found) and not false else 1
