"""The command line. Only click is imported before a command needs more, so that help comes at once."""

from __future__ import annotations

from pathlib import Path

import click

from monitor import __version__
from monitor.completion import completion, streams
from monitor.options import CONFIG, JSON, SEED, Duration, Program, fails_cleanly
from monitor.verbs.evaluate import evaluate
from monitor.verbs.judging import replay, score
from monitor.verbs.learning import calibrate, train
from monitor.verbs.measuring import bench


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="diffmon")
def main() -> None:
    """Learns what is normal from recordings, listens all day, and says over MQTT what is not."""


@main.command(short_help="Learns a made scene, finds planted faults.")
@click.option("--camera", is_flag=True, help="Watch parts on a conveyor instead of a machine room.")
@click.option("--base", is_flag=True, help="Train nothing: calibrate the base model on a minute of the room.")
@SEED
@click.option("--out", type=click.Path(path_type=Path), default=Path("diffmon-demo"), show_default=True, help="Folder for what it makes.")
@click.option("--budget", type=Duration(), help="Time to train for; 80s if none, with --camera 3m.")
@click.option("--mqtt", metavar="HOST:PORT", help="Broker to use; one of its own if none.")
@fails_cleanly
def demo(camera: bool, base: bool, seed: int, out: Path, budget: float | None, mqtt: str | None) -> int:
    """Makes the sound of a machine room, learns it, plants four faults and shows what a subscriber hears of them.

    With --camera it draws parts that pass on a conveyor, three of them with a fault, and a shadow that is none.
    """
    if base and (camera or budget is not None):
        raise click.UsageError(f"--base and {'--camera' if camera else '--budget'} exclude each other")
    from monitor.demo.learning import base_model, own_model
    from monitor.demo.line import AssemblyLine
    from monitor.demo.room import MachineRoom
    from monitor.demo.show import run

    scene = AssemblyLine(seed) if camera else MachineRoom(seed)
    return run(scene, seed=seed, out=out, learn=base_model if base else own_model(budget), broker=mqtt)


@main.command(short_help="Watches all day.")
@CONFIG
@click.option("--plain", is_flag=True, help="Print events as JSON lines on a terminal too.")
@fails_cleanly
def run(config: Path, plain: bool) -> None:
    """Watches all day, as configured.

    On a terminal it shows streams, scores and the last events in place; otherwise it prints events as JSON lines.
    """
    from monitor.terminal.keyboard import is_watched

    watched = not plain and is_watched()
    if watched:
        click.echo("diffmon: loading its libraries")  # seconds, on a busy machine many
    from monitor.daemon import run

    if watched:
        from monitor.terminal.display import Display

        run(config, Display)
    else:
        run(config)


@main.command(short_help="Records a stream, to learn from.")
@click.argument("stream", shell_complete=streams)
@CONFIG
@click.option("--for", "lasting", type=Duration(), required=True, help="How much sound the folder shall hold in the end, such as 24h.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the segments; what is there already counts.")
@JSON
@fails_cleanly
def record(stream: str, config: Path, lasting: float, out: Path, as_json: bool) -> None:
    """Records STREAM of the configuration as the daemon would hear it, a segment a minute; its model need not exist yet."""
    if lasting <= 0:
        raise click.UsageError(f"--for: {lasting:g} s, expected more than 0")
    from monitor.present import recorded
    from monitor.recorder import record

    recorded(record(config, stream, lasting, out), as_json=as_json)


@main.command(short_help="Tells whether the daemon would start.")
@CONFIG
@fails_cleanly
def check(config: Path) -> None:
    """Tells whether the daemon would start with this configuration, and what its alarm levels rest on."""
    from monitor.daemon import check

    for line in check(config):
        click.echo(line)


@main.command(short_help="Finds out what keeps the daemon from hearing or being heard.")
@CONFIG
@JSON
@fails_cleanly
def doctor(config: Path, as_json: bool) -> int:
    """Tries all that the daemon needs on this machine, and says how to mend what is wrong: exit code 1 if something is."""
    from monitor.doctor.examine import examine
    from monitor.present import examined

    return examined(examine(config), as_json=as_json)


@main.command(short_help="Prints events as they come.")
@CONFIG
@click.option("--exec", "command", type=Program(), default="", metavar="CMD", help="Run for each step, the event as JSON on its input.")
@click.option("--stream", "streams", multiple=True, metavar="NAME", shell_complete=streams, help="Limit to a stream; may be repeated.")
@JSON
@fails_cleanly
def listen(config: Path, command: list[str], streams: tuple[str, ...], as_json: bool) -> None:
    """Prints the node's events as they come from the broker, until Ctrl-C; what is said while the broker is away is not heard."""
    from monitor.listen import listen
    from monitor.present import listened

    listened(listen(config, streams, command), as_json=as_json)


@main.command(short_help="Lists the microphones and cameras.")
@JSON
@fails_cleanly
def devices(as_json: bool) -> None:
    """Lists the microphones and cameras."""
    from monitor.present import devices

    devices(as_json=as_json)


for verb in (train, calibrate, score, replay, evaluate, bench):
    main.add_command(verb)
main.add_command(completion)


if __name__ == "__main__":
    main()
