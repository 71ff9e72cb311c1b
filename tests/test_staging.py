"""Batches on their way to the network: whatever their size, however they are padded, captured or not, each window is told the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.representation.audio import AudioRepresentation, AudioSettings
from monitor.captured import Capturing
from monitor.engine import Engine, pick_device
from monitor.errors import OutOfMemoryError
from monitor.opened import Opened, open_for
from monitor.records import Judgement, Window
from monitor.staging import Direct, Ladder, Staging

CPU = torch.device("cpu")
SENSE = AudioRepresentation(AudioSettings(columns=2))
MOST = 11


def window(value: float, stream: str = "a", sense: AudioRepresentation = SENSE) -> Window:
    """As loud as that, all along."""
    return Window(stream, 0, np.full((sense.length, 1), value, np.float32), 0)


def means(items: Tensor, rows: Tensor) -> Tensor:
    """Work: the mean of every window, and its row."""
    return torch.stack([items.mean((1, 2)).double(), rows.double()], 1)


def as_it_is(work: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """A capture without a GPU."""
    return work


def ladder(
    work: Callable[[Tensor, Tensor], Tensor] = means, capture: Callable[[Callable[[], Tensor]], Callable[[], Tensor]] = as_it_is
) -> Ladder:
    """Up to so many windows."""
    return Ladder(work, SENSE, MOST, device=CPU, capture=capture)


@settings(deadline=None, derandomize=True, max_examples=15)
@given(st.lists(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 7)), min_size=1, max_size=MOST), min_size=1, max_size=5))
def test_batches_one_after_the_other_are_told_as_they_are(batches: list[list[tuple[int, int]]]) -> None:
    """Nothing of a batch, or of the padding, is left in the next."""
    padded, direct = ladder(), Direct(means, SENSE, MOST)
    for batch in batches:
        windows, rows = [window(value) for value, _ in batch], [row for _, row in batch]
        assert [[float(value), float(row)] for value, row in batch] == padded(windows, rows) == direct(windows, rows)


def test_work_is_of_few_sizes_and_always_on_the_same_memory() -> None:
    """Each size is captured once, when it is needed."""
    seen: list[tuple[int, int, int]] = []

    def work(items: Tensor, rows: Tensor) -> Tensor:
        seen.append((len(items), items.data_ptr(), rows.data_ptr()))
        return means(items, rows)

    captured: list[int] = []

    def capture(each: Callable[[], Tensor]) -> Callable[[], Tensor]:
        captured.append(len(each()))
        return each

    run = ladder(work, capture)
    for count in (3, 1, 5, 4, MOST, 9, 1):
        assert [[1.0, 0.0]] * count == run([window(1.0)] * count, [0] * count)
    assert [4, 1, 8, MOST] == captured
    assert 1 == len({items for _, items, _ in seen}) == len({rows for _, _, rows in seen})


def test_without_memory_what_was_captured_is_forgotten() -> None:
    """It holds memory that fewer windows may need."""
    captured: list[int] = []

    def work(items: Tensor, rows: Tensor) -> Tensor:
        if len(items) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return means(items, rows)

    def capture(each: Callable[[], Tensor]) -> Callable[[], Tensor]:
        captured.append(len(each()))
        return each

    run = ladder(work, capture)
    run([window(1.0)], [0])
    with pytest.raises(torch.OutOfMemoryError):
        run([window(1.0)] * 3, [0] * 3)
    assert [[2.0, 5.0]] == run([window(2.0)], [5])
    assert [1, 1] == captured


def test_windows_of_pictures_are_bytes() -> None:
    """They lie there as they came."""
    pictures = replace_item(SENSE)
    items, rows = Staging(pictures, 3, pinned=False).put([Window("a", 0, np.full((SENSE.length, 2), 200, np.uint8), 0)], [4])
    assert (torch.uint8, 200, [4]) == (items.dtype, int(items.max()), rows.tolist())


def replace_item(sense: AudioRepresentation) -> AudioRepresentation:
    """The same of other items."""
    other = AudioRepresentation(AudioSettings(columns=2))
    other.item, other.dtype = (2,), "uint8"
    return other


# Capture


class Graph:
    """Stands for CUDA's, where there is none: what it captures is done once, and not again."""

    def __init__(self) -> None:
        self.replayed = 0

    def replay(self) -> None:
        """Counts."""
        self.replayed += 1


@contextmanager
def capturing(graph: Graph, **how: object) -> Iterator[None]:
    """As `torch.cuda.graph`."""
    assert "thread_local" == how["capture_error_mode"]
    yield


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The border to CUDA, without it."""
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 1))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", capturing)
    return monkeypatch


def test_captured_work_answers_where_it_did(no_cuda: pytest.MonkeyPatch) -> None:
    """It is done to warm up and to be captured, and from then on replayed."""
    done: list[int] = []

    def work() -> Tensor:
        done.append(1)
        return torch.tensor([len(done)])

    replay = Capturing()(work)
    assert [3, 3] == [int(replay()), int(replay())]
    assert 3 == len(done)


def test_what_cannot_be_captured_is_done_as_it_is(no_cuda: pytest.MonkeyPatch, logs: list[dict[str, object]]) -> None:
    """Be it that there is no memory for it a second time: it is said, and judging goes on."""

    @contextmanager
    def failing(graph: Graph, **how: object) -> Iterator[None]:
        yield
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nmore")

    no_cuda.setattr(torch.cuda, "graph", failing)
    work = lambda: torch.ones(1)  # noqa: E731
    assert work is Capturing()(work)
    assert [("engine.not_captured", "CUDA out of memory. Tried to allocate 2 GiB.")] == [(e["event"], e["reason"]) for e in logs]


# The engine


@pytest.fixture(scope="module")
def opened(model: Path) -> Opened:
    """A room's model."""
    return open_for(model, None, kind="audio")


@pytest.fixture
def padded(opened: Opened) -> Engine:
    """An engine for two streams as on a GPU, but for the graphs."""
    engine = plain(opened)
    engine._run = Ladder(engine._told, engine.representation, engine._some, device=CPU, capture=as_it_is)
    return engine


def plain(opened: Opened) -> Engine:
    """An engine for two streams."""
    return Engine(opened.model, opened.representation, dict.fromkeys("ab", opened.fitted.profile), device=pick_device("cpu"))


def cut(opened: Opened, count: int) -> list[Window]:
    """Windows of two streams, ever louder."""
    noise = np.random.default_rng(0).standard_normal((count, opened.representation.length, 1), np.float32)
    return [Window("ab"[i % 2], i, each * 1e-3 * (i + 1), 0) for i, each in enumerate(noise)]


def close(these: Sequence[Judgement], those: Sequence[Judgement]) -> None:
    """The same, but for rounding."""
    assert [j.score for j in these] == pytest.approx([j.score for j in those], rel=1e-4, abs=1e-4)
    assert [j.p_value for j in these] == pytest.approx([j.p_value for j in those], rel=1e-2)
    assert [(j.stream, j.start, j.place, j.span) for j in these] == [(j.stream, j.start, j.place, j.span) for j in those]


def test_a_padded_batch_is_judged_as_it_is(opened: Opened, padded: Engine) -> None:
    """Any count of windows: fewer than a size, as many, more than are judged at a time."""
    windows = cut(opened, 13)
    expected = plain(opened).judge(windows)
    for count in (1, 2, 3, 13):
        close(expected[:count], padded.judge(windows[:count]))


def test_another_profile_comes_into_force_where_the_old_one_lay(opened: Opened, padded: Engine) -> None:
    """What was captured reads the profile that takes its place; other streams keep theirs."""
    windows = cut(opened, 2)
    before, where = padded.judge(windows), [each.data_ptr() for each in padded._profiles.tensors().values()]
    profile = opened.fitted.profile
    padded.replace("a", replace(opened.fitted, profile=replace(profile, mean_location=profile.mean_location - 1)))
    after = padded.judge(windows)
    assert where == [each.data_ptr() for each in padded._profiles.tensors().values()]
    assert after[0].score == pytest.approx(before[0].score + float(1 / profile.mean_scale[-1]), rel=1e-4)
    close(before[1:], after[1:])


def test_a_ladder_without_memory_tells_it_in_our_words(opened: Opened, padded: Engine) -> None:
    """And goes on with fewer windows."""

    def full(items: Tensor, rows: Tensor) -> Tensor:
        if len(items) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return padded._told(items, rows)

    padded._run = Ladder(full, padded.representation, padded._some, device=CPU, capture=as_it_is)
    windows = cut(opened, 4)
    with pytest.raises(OutOfMemoryError, match="no memory for 4 windows at once: CUDA out of memory"):
        padded.judge(windows)
    assert 2 == len(padded.judge(windows[:2]))
