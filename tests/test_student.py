"""Who follows a stream: what is kept of it, when it is calibrated, and what is done about drift."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from monitor.drift import EVERY_S
from monitor.errors import ModelError
from monitor.normal import NormalLog, stretches
from monitor.recalibration import Outcome, Recalibration
from monitor.records import Judgement, Window
from monitor.student import Lessons, Student
from monitor.watch import Watch
from tests.broker import until
from tests.scripted import HOP, LENGTH, RATE, Kept, Mean, Scripted, block, hum, judged, pipeline, running, watch

HOP_S = HOP / RATE
MADE = Outcome({"vouched_per_day": 36.0, "left_out": 2})


class Told(Recalibration):
    """Calibrations that end as they are told to, at once."""

    def __init__(self, *outcomes: Outcome) -> None:
        super().__init__(Path("diffmon.toml"), "fan")
        self.outcomes, self.started, self.busy = list(outcomes), [], False  # type: ignore[var-annotated]

    @property
    def running(self) -> bool:
        """Whether one was started."""
        return self.busy

    def start(self, newest_s: float | None) -> None:
        """Begins."""
        self.busy = True
        self.started.append(newest_s)

    def outcome(self) -> Outcome | None:
        """The next."""
        self.busy = False
        return self.outcomes.pop(0)


class Followed:
    """A student on a scripted stream, and all that it was built of."""

    def __init__(self, folder: Path, *outcomes: Outcome, learn_s: float | None = None, renews: bool = False) -> None:
        self.folder = folder / "fan"
        self.now_s, self.adopted = 0.0, 0
        self.watch: Watch = watch()
        self.watch.ring.write(block(0, [0.0]))
        self.calibration = Told(*outcomes)
        self.refuses = False
        self.log = NormalLog(self.folder, about="x", hop_s=HOP_S, keep_s=1e6)
        lessons = Lessons(learn_s, renews=renews, hop=HOP, renewed_s=60.0)
        self.student = Student(
            self.watch,
            lessons,
            planes=lambda windows: np.array([[[[w.start / HOP]]] for w in windows], np.float16),
            kept=self.log,
            calibration=self.calibration,
            adopt=self._adopt,
            clock=lambda: self.now_s,
        )

    def _adopt(self) -> None:
        if self.refuses:
            raise ModelError("damaged")
        self.adopted += 1

    def hear(self, windows: Iterable[int], score: float = 0.0) -> None:
        """Windows by number, each with a score; judged unless it learns; then the clock."""
        for number in windows:
            window = Window("fan", number * HOP, np.full((LENGTH, 1), score, np.float32), 0)
            judgement: Judgement | None = None
            if not self.student.learning:
                judgement = judged(window)
                self.watch.take(judgement)
            self.student.take(window, judgement)
            self.student.tick()

    def written(self) -> None:
        """Waits until what was kept is on disk."""
        until(lambda: not self.log.waiting)

    def kept(self) -> list[list[int]]:
        """Numbers of the first and last window of each stretch on disk; ends the student."""
        self.student.close()
        return [[int(planes[0, 0, 0, 0]), int(planes[-1, 0, 0, 0])] for planes in _planes(self.folder)]


def settled(followed: Followed) -> None:
    """Lets a calibration begin and end, once all that was kept is on disk."""
    followed.written()
    followed.student.tick()
    followed.student.tick()


def _planes(folder: Path) -> list[np.ndarray]:
    return [np.load(kept.path)["planes"] for kept in stretches(folder)]


def test_one_clean_stretch_in_ten_minutes_is_kept(tmp_path: Path) -> None:
    """30 s are 60 windows; the next begins 600 s after it began."""
    followed = Followed(tmp_path)
    followed.hear(range(1300))
    assert [[0, 59], [1200, 1259]] == followed.kept()


def test_what_is_gathered_outlives_its_batch(tmp_path: Path) -> None:
    """Windows whose items are overwritten by the next are kept as they were."""
    followed, memory = Followed(tmp_path), np.empty((LENGTH, 1), np.float32)
    followed.student._planes = lambda windows: np.array([[[w.items[:1]]] for w in windows], np.float16)
    for number in range(60):
        memory[...] = number / 1024
        window = Window("fan", number * HOP, memory, 0)
        followed.student.take(window, judged(window))
    followed.student.close()
    assert [number / 1024 for number in range(60)] == _planes(followed.folder)[0].ravel().tolist()


def test_a_stretch_with_anything_near_it_is_dropped(tmp_path: Path) -> None:
    """A window below the release level (p 0.01), a gap, an open event, a muted stream: another is begun after it."""
    followed = Followed(tmp_path)
    followed.hear(range(30))
    followed.hear([30], score=2.0)  # p 0.01
    followed.hear(range(31, 60))
    followed.hear(range(70, 100))  # a gap before
    followed.hear(range(100, 104), score=9.0)
    assert followed.watch.open
    followed.hear(range(104, 140))
    assert not followed.watch.open
    followed.watch.mute(True)
    followed.hear(range(140, 220))
    followed.watch.mute(False)
    followed.hear(range(220, 290))
    assert [[220, 279]] == followed.kept()


def test_while_it_learns_all_is_taken(tmp_path: Path) -> None:
    """Dense, across gaps, whatever it sounds like and though it is muted; calibrated once enough is on disk, then judged."""
    followed = Followed(tmp_path, MADE, learn_s=50.0)
    followed.watch.mute(True)
    followed.hear([*range(60), *range(80, 100), 200], score=9.0)
    followed.written()
    assert (True, []) == (followed.student.learning, followed.calibration.started)
    followed.hear(range(201, 221))
    settled(followed)
    assert ([None], 1, False) == (followed.calibration.started, followed.adopted, followed.student.learning)
    assert [[0, 59], [80, 99], [200, 219]] == followed.kept()


def test_learning_goes_on_after_a_restart(tmp_path: Path) -> None:
    """What the first daemon heard counts for the second."""
    first = Followed(tmp_path, learn_s=50.0)
    first.hear(range(80))
    assert [[0, 59], [60, 79]] == first.kept()
    second = Followed(tmp_path, MADE, learn_s=50.0)
    second.hear(range(1000, 1020))
    assert second.student.learning
    settled(second)
    assert not second.student.learning
    second.student.close()


def test_while_the_disk_takes_nothing_all_is_judged(tmp_path: Path) -> None:
    """A full disk must not make a stream deaf; once there is room, it goes on learning."""
    followed = Followed(tmp_path, MADE, learn_s=50.0)
    followed.folder.touch()  # a file where the folder should be
    followed.hear(range(60))
    followed.written()
    assert not followed.student.learning
    followed.hear(range(60, 66), score=9.0)
    assert followed.watch.open
    followed.folder.unlink()
    followed.hear(range(66, 120))
    followed.written()
    assert followed.student.learning
    followed.hear(range(120, 160))
    settled(followed)
    assert (1, False) == (followed.adopted, followed.student.learning)
    followed.student.close()


@pytest.mark.parametrize("refused", [False, True])
def test_a_calibration_that_fails_is_tried_again_later(tmp_path: Path, logs: list[dict[str, object]], refused: bool) -> None:
    """Said, and again after ten minutes; learning goes on meanwhile. So with a profile that cannot be read."""
    followed = Followed(tmp_path, MADE if refused else Outcome(None, "no room"), MADE, learn_s=10.0)
    followed.refuses = refused
    followed.hear(range(20))
    settled(followed)
    assert (True, 1) == (followed.student.learning, len(followed.calibration.started))
    assert [("calibration.failed", "damaged" if refused else "no room")] == [(e["event"], e["reason"]) for e in logs if "reason" in e]
    followed.refuses, followed.now_s = False, 599.0
    followed.hear(range(22, 30))
    assert followed.student.learning
    followed.now_s = 601.0
    settled(followed)
    assert not followed.student.learning
    followed.student.close()


def test_drift_is_flagged_and_nothing_is_done_about_it(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """By default: it is said once, with one window in 30 s looked at, and no profile is made."""
    followed = Followed(tmp_path)
    every = round(EVERY_S / HOP_S)
    followed.hear(range(40 * every), score=1.0)  # p 0.1
    assert followed.student.drift.flagged
    assert ["drift.flagged"] == [e["event"] for e in logs]
    assert [] == followed.calibration.started
    followed.student.close()


def test_drift_is_learned_if_that_is_wanted(tmp_path: Path, logs: list[dict[str, object]]) -> None:
    """From the moment of the flag all is taken, high windows too; from the newest of it a profile is made, loudly; then it begins anew."""
    followed = Followed(tmp_path, MADE, renews=True)
    every = round(EVERY_S / HOP_S)
    flagged = next(n for n in range(1, 60 * every, every) if _flags(followed, n, every))
    followed.hear(range(flagged + every, flagged + every + 130), score=2.5)
    settled(followed)
    assert ([60.0], 1) == (followed.calibration.started, followed.adopted)
    assert (0.0, False) == (followed.student.drift.log10, followed.student.drift.flagged)
    assert [("calibration.done", "warning")] == [(e["event"], e["log_level"]) for e in logs if e["event"] == "calibration.done"]
    followed.student.close()


def _flags(followed: Followed, number: int, every: int) -> bool:
    followed.hear(range(number, number + every), score=2.5)
    return followed.student.drift.flagged


def test_the_pipeline_says_what_its_students_do(tmp_path: Path) -> None:
    """A stream that learns is `learning`, which is ready, and is not judged; drift is in the stats, by stream."""
    engine, sink, gate = Mean(), Kept(), threading.Event()
    spine = pipeline({"fan": Scripted(*hum(400), gate)}, sink, engines={"fan": engine}, clock=itertools.count().__next__)
    followed = Followed(tmp_path, learn_s=50.0)
    spine.students = {"fan": followed.student}
    with running(spine):
        until(lambda: sink.counters != [] and ("fan", "learning") in sink.statuses)
        assert spine.notifier.is_ready
        gate.set()
    assert ([], [], []) == (engine.batches, sink.events, sink.readings)
    assert {"fan": {"log10": 0.0, "flagged": False}} == sink.counters[0]["drift"]
    assert [[0, 4]] == followed.kept()
