"""What one stream is learned by while it is heard: its log of normal, its drift, and the profile that is made of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import structlog

from monitor.config import RENEWED_S
from monitor.drift import EVERY_S, Drift, observe
from monitor.errors import ModelError, OutOfMemoryError
from monitor.normal import NormalLog, Planes
from monitor.recalibration import Outcome, Recalibration
from monitor.records import Judgement, Window
from monitor.watch import Watch

STRETCH_S = 30.0
"""How much consecutive normal is kept together (s)."""
PAUSE_S = 600.0
"""From the beginning of one stretch to that of the next, while nothing is learned (s)."""
_AGAIN_S = 600.0  # after a calibration that failed

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lessons:
    """What is to be learned of a stream."""

    learn_s: float | None
    """How much is listened to before anything is judged; none if the stream has a profile (s)."""
    renews: bool
    """Whether a profile is made anew upon drift."""
    hop: int
    """Items from one window to the next."""
    renewed_s: float = RENEWED_S
    """From how much (s)."""


class Student:
    """Follows one stream. Belongs to the pipeline's thread.

    Args:
        planes: what windows look like to the models, `[n, C, H, W]`.
        kept: the log of normal; none if nothing is kept.
        calibration: makes a profile of the log; none if that is never wanted.
        adopt: puts the profile in force that was made. Raises ModelError.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        watch: Watch,
        lessons: Lessons,
        *,
        planes: Callable[[Sequence[Window]], Planes],
        kept: NormalLog | None,
        calibration: Recalibration | None,
        adopt: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watch, self._lessons = watch, lessons
        self._planes, self._kept, self._calibration, self._adopt, self._clock = planes, kept, calibration, adopt, clock
        self._unlearned = lessons.learn_s is not None
        self.drift = Drift()
        self._stream, self._rate_hz = watch.identity.stream, watch.ring.rate_hz
        self._gathered: list[Window] = []
        self._began_unix = 0.0
        self._renewing: int | None = None
        """Items taken since a drift that is to be learned; none without one."""
        self._next = self._tested = 0
        self._not_before_s = 0.0

    @property
    def learning(self) -> bool:
        """Whether windows are not to be judged yet. While the disk takes nothing, nothing is learned, and they are."""
        return self._unlearned and not (self._kept is not None and self._kept.failed)

    def take(self, window: Window, judgement: Judgement | None) -> None:
        """Follows one more window: unjudged while learning, else after the decider had it."""
        if judgement is not None and window.start >= self._tested:
            self._test(judgement.p_value)
            self._tested = window.start + self._items(EVERY_S)
        if self._kept is None:
            return
        if self._gathered and window.start != self._gathered[-1].start + self._lessons.hop:
            self._break_off()
        if self._dense or (self._clean(judgement) and window.start >= self._next):
            self._gather(window, self._kept)
        else:
            self._gathered = []

    def tick(self) -> None:
        """Sees to the calibration: begins it when enough was heard, and puts in force what came of it."""
        if self._calibration is None or self._kept is None:
            return
        if self._calibration.running:
            outcome = self._calibration.outcome()
            if outcome is not None:
                self._finish(outcome)
        elif self._enough(self._kept) and self._clock() >= self._not_before_s:
            newest_s = None if self._unlearned else self._lessons.renewed_s
            log.info("calibration.started", stream=self._stream, newest_s=newest_s)
            try:
                self._calibration.start(newest_s)
            except OSError as error:
                self._fail(str(error))

    def close(self) -> None:
        """Ends a calibration that runs, and has written what was gathered; may be called twice."""
        if self._calibration is not None:
            self._calibration.close()
        if self._kept is not None:
            self._break_off()
            self._kept.close()

    @property
    def _dense(self) -> bool:
        """Whether all that is heard is taken, clean or not."""
        return self._unlearned or self._renewing is not None

    def _clean(self, judgement: Judgement | None) -> bool:
        watch = self._watch
        return judgement is not None and not watch.muted and not watch.open and judgement.p_value > watch.level.rule.release_p

    def _gather(self, window: Window, kept: NormalLog) -> None:
        if not self._gathered:
            self._began_unix = self._watch.unix_of(window.start)
        # Its items lie where those of the next batch will.
        self._gathered.append(replace(window, items=window.items.copy()))
        if self._renewing is not None:
            self._renewing += self._lessons.hop
        # The last stretch that is needed to learn is no longer than it must be.
        left_s = (self._lessons.learn_s or 0.0) - kept.seconds if self._unlearned else 0.0
        wanted_s = left_s if 0 < left_s < STRETCH_S else STRETCH_S
        if len(self._gathered) * self._lessons.hop >= self._items(wanted_s):
            self._keep(kept)

    def _break_off(self) -> None:
        """Ends the stretch before its time: while all is taken it is kept, else dropped."""
        if self._dense and self._gathered and self._kept is not None:
            self._keep(self._kept)
        self._gathered = []

    def _keep(self, kept: NormalLog) -> None:
        try:
            kept.add(self._planes(self._gathered), self._began_unix)
        except OutOfMemoryError as error:
            log.warning("normal.not_kept", stream=self._stream, reason=str(error), expected="memory on the device; scoring goes on")
        self._next = self._gathered[0].start + self._items(PAUSE_S)
        self._gathered = []

    def _test(self, p_value: float) -> None:
        before, self.drift = self.drift, observe(self.drift, p_value)
        if self.drift.flagged and not before.flagged:
            log.warning("drift.flagged", stream=self._stream, renewed=self._lessons.renews, expected="p-values as when it was calibrated")
            if self._lessons.renews and self._renewing is None:
                self._renewing = 0
        elif before.flagged and not self.drift.flagged:
            log.info("drift.gone", stream=self._stream)

    def _enough(self, kept: NormalLog) -> bool:
        """Whether all that is to be learned from is on disk."""
        if kept.waiting:
            return False
        if self._unlearned and self._lessons.learn_s is not None:
            return kept.seconds >= self._lessons.learn_s
        return self._renewing is not None and self._renewing >= self._items(self._lessons.renewed_s)

    def _finish(self, outcome: Outcome) -> None:
        if outcome.summary is None:
            self._fail(outcome.reason)
            return
        try:
            self._adopt()
        except ModelError as error:
            self._fail(str(error))
            return
        told = {key: outcome.summary.get(key) for key in ("held_out_s", "left_out", "threshold", "vouched_per_day", "extrapolated")}
        tell = log.info if self._unlearned else log.warning
        tell("calibration.done", stream=self._stream, learned_because="learn_for" if self._unlearned else "drift", **told)
        self._unlearned, self._renewing, self.drift = False, None, Drift()

    def _fail(self, reason: str) -> None:
        self._not_before_s = self._clock() + _AGAIN_S
        log.error("calibration.failed", stream=self._stream, reason=reason, again_in_s=_AGAIN_S)

    def _items(self, seconds: float) -> int:
        return round(seconds * self._rate_hz)
