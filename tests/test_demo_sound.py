"""The demo's machine room and its faults."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.demo.fault import FAULTS, Planted, dropout, plant
from monitor.demo.sound import HUM_WEIGHTS, MAINS_HZ, Room
from monitor.synth.wave import RATE_HZ, Floats, tones

SEEDS = range(5)


def rms(x: NDArray[np.floating]) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def db(ratio: float) -> float:
    """Decibels of a ratio of amplitudes."""
    return float(20 * np.log10(ratio))


def strongest_half_second(x: NDArray[np.floating]) -> float:
    """RMS of the strongest half second, looked for every 10 ms."""
    energy = np.cumsum(np.square(x, dtype=np.float64))[:: RATE_HZ // 100]
    return float(np.sqrt((energy[50:] - energy[:-50]).max() / (RATE_HZ // 2)))


def bands_db(x: NDArray[np.floating]) -> NDArray[np.float64]:
    """Level of 32 equal bands."""
    power = np.abs(np.fft.rfft(x[:, 0])) ** 2
    return np.array([10 * np.log10(part.mean()) for part in np.array_split(power, 32)])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_room_is_as_loud_as_promised(seed: int) -> None:
    """Every room is at about -26 dB below full scale and never reaches it."""
    sound = Room.drawn(seed).sound(60, seed=seed)
    assert (60 * RATE_HZ, 1) == sound.shape
    assert np.float32 == sound.dtype
    assert -26 == pytest.approx(db(rms(sound)), abs=0.6)
    assert np.abs(sound).max() < 0.7


def test_a_sound_is_made_of_its_seeds() -> None:
    """The same seeds give the same samples, another stretch other samples."""
    room = Room.drawn(1)
    assert room == Room.drawn(1)
    assert room != Room.drawn(2)
    assert np.array_equal(room.sound(3, seed=5), room.sound(3, seed=5))
    other = room.layers(3, seed=6)["fan"]
    assert abs(np.corrcoef(room.layers(3, seed=5)["fan"], other)[0, 1]) < 0.2


def test_a_sound_is_the_sum_of_its_layers() -> None:
    """Hum, fan, pump and air add up to the room."""
    layers = Room.drawn(3).layers(2, seed=4)
    assert ["hum", "fan", "pump", "air"] == list(layers)
    assert np.allclose(sum(layers.values()), Room.drawn(3).sound(2, seed=4)[:, 0], atol=1e-6)


@pytest.mark.parametrize("samples", [0, 1, 5, RATE_HZ + 1])
def test_any_length_can_be_made(samples: int) -> None:
    """A sound has as many samples as its seconds say, however few."""
    assert (samples, 1) == Room.drawn(1).sound(samples / RATE_HZ, seed=1).shape


def test_stretches_of_one_room_sound_alike() -> None:
    """Two stretches of one room have one spectrum; another room has another."""
    room, other = Room.drawn(1), Room.drawn(2)
    first, second = bands_db(room.sound(60, seed=1)), bands_db(room.sound(60, seed=2))
    elsewhere = bands_db(other.sound(60, seed=3))
    assert np.abs(first - second).max() < 0.5
    assert np.abs(first - elsewhere).max() > 1


def test_a_room_does_not_change_with_time() -> None:
    """The last minute of three is as loud and as coloured as the first."""
    sound = Room.drawn(4).sound(180, seed=1)
    first, last = sound[: 60 * RATE_HZ], sound[-60 * RATE_HZ :]
    assert abs(db(rms(first) / rms(last))) < 0.3
    assert np.abs(bands_db(first) - bands_db(last)).max() < 0.5


def test_the_hum_is_at_the_mains_and_its_harmonics() -> None:
    """Nearly all of the hum's energy lies within 2 Hz of multiples of 50 Hz."""
    hum = Room.drawn(1).layers(10, seed=1)["hum"]
    power, hz = np.abs(np.fft.rfft(hum)) ** 2, np.fft.rfftfreq(len(hum), 1 / RATE_HZ)
    near = np.abs((hz + MAINS_HZ / 2) % MAINS_HZ - MAINS_HZ / 2) < 2
    assert power[near].sum() / power.sum() > 0.999
    assert MAINS_HZ * (1 + np.argmax(HUM_WEIGHTS)) == pytest.approx(hz[np.argmax(power)], abs=1)


def test_the_pump_keeps_its_rhythm() -> None:
    """The pump's loudness repeats best after one stroke."""
    room = Room.drawn(2)
    pump = room.layers(60, seed=1)["pump"]
    loudness = np.sqrt(np.mean(pump.reshape(-1, RATE_HZ // 100) ** 2, axis=1))
    loudness = loudness - loudness.mean()
    likeness = [float(loudness[:-lag] @ loudness[lag:]) for lag in range(40, 120)]
    assert room.stroke_s == pytest.approx((40 + np.argmax(likeness)) / 100, abs=0.03)


def test_tones_equal_a_sum_of_sines() -> None:
    """The quick sum of harmonics is the slow, obvious one."""
    n, weights = 100_000, (1.0, 0.4, 0.2)
    phases = np.random.default_rng(7).uniform(0, 2 * np.pi, 3)
    t = np.arange(n) / RATE_HZ
    plain = sum(w * np.sin(2 * np.pi * 130.7 * (k + 1) * t + phases[k]) for k, w in enumerate(weights))
    expected = plain * np.sqrt(2 / np.sum(np.square(weights)))
    assert np.allclose(expected, tones(130.7, weights, n, RATE_HZ, np.random.default_rng(7)), atol=1e-5)


@cache
def planted_room(seed: int) -> tuple[Floats, Floats, list[Planted]]:
    """A room without faults, the same with faults, and where they are."""
    room = Room.drawn(seed)
    return room.sound(75, seed=seed), *plant(room, seconds=75, seed=seed)


def stretch(fault: Planted) -> slice:
    """The samples of a fault."""
    return slice(round(fault.onset_s * RATE_HZ), round(fault.end_s * RATE_HZ))


@pytest.mark.parametrize("seed", SEEDS)
def test_each_fault_is_as_loud_as_it_says(seed: int) -> None:
    """Measured on the difference to the untouched room, each fault has its level, between -6 and 6 dB."""
    usual, sound, planted = planted_room(seed)
    for fault in planted:
        measured = db(strongest_half_second((sound - usual)[stretch(fault), 0]) / rms(usual))
        assert fault.level_db == pytest.approx(measured, abs=0.5), fault
        assert -6.01 <= fault.level_db <= 6.01


@pytest.mark.parametrize("seed", SEEDS)
def test_the_room_is_untouched_between_faults(seed: int) -> None:
    """Outside the faults' times nothing differs from the room, and from its onset each fault is there."""
    usual, sound, planted = planted_room(seed)
    change = sound - usual
    for fault in planted:
        assert np.any(change[stretch(fault)][: RATE_HZ // 50])
        change[stretch(fault)] = 0
    assert not np.any(change)


@pytest.mark.parametrize("seed", SEEDS)
def test_faults_keep_their_distance(seed: int) -> None:
    """Each fault once, 3 to 4 s long, 12 s of quiet before each and 8 s after the last."""
    _, _, planted = planted_room(seed)
    assert sorted(FAULTS) == sorted(p.fault for p in planted)
    assert all(3 - 1e-3 <= p.end_s - p.onset_s <= 4 + 1e-3 for p in planted)
    assert planted[0].onset_s >= 12 - 1e-3
    assert all(later.onset_s - earlier.end_s >= 12 - 1e-3 for earlier, later in pairwise(planted))
    assert planted[-1].end_s <= 75 - 8 + 1e-3


def test_faults_come_in_any_order() -> None:
    """Seeds differ in the order of the faults, not only in their places."""
    assert len({tuple(p.fault for p in planted_room(seed)[2]) for seed in SEEDS}) > 2


def test_too_short_a_stretch_is_refused() -> None:
    """A stretch that cannot hold the faults names how long it must be."""
    with pytest.raises(ValueError, match="60 s cannot hold 4 faults, expected at least 72 s"):
        plant(Room.drawn(1), seconds=60, seed=1)


def test_the_shortest_stretch_holds_all_faults() -> None:
    """The length that the refusal names is enough."""
    assert 4 == len(plant(Room.drawn(1), seconds=72, seed=1)[1])


def test_planting_is_deterministic() -> None:
    """The same seed plants the same faults in the same sound."""
    _, sound, planted = planted_room(3)
    again, planted_again = plant(Room.drawn(3), seconds=75, seed=3)
    assert planted == planted_again
    assert np.array_equal(sound, again)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_clipped(seed: int) -> None:
    """The loudest fault stays below full scale."""
    _, sound, _ = planted_room(seed)
    assert (75 * RATE_HZ, 1) == sound.shape
    assert np.float32 == sound.dtype
    assert np.abs(sound).max() < 1


def test_a_dropout_takes_all_of_the_hum() -> None:
    """Past the 20 ms of its edges nothing is left of the hum, and at the edges nothing has changed."""
    hum = Room.drawn(1).layers(3, seed=1)["hum"]
    rest = hum + dropout(hum, RATE_HZ)
    edge = round(0.02 * RATE_HZ)
    assert not np.any(rest[edge:-edge])
    assert np.allclose(hum[[0, -1]], rest[[0, -1]], atol=1e-3)


def test_the_hum_is_missing_in_a_planted_dropout() -> None:
    """A drop-out never adds hum, and one at full depth leaves less than a hundredth of it."""
    left = []
    for seed in SEEDS:
        usual, sound, planted = planted_room(seed)
        hum = Room.drawn(seed).layers(75, seed=seed)["hum"]
        (where,) = [stretch(p) for p in planted if p.fault == "dropout"]
        inside = slice(where.start + RATE_HZ // 10, where.stop - RATE_HZ // 10)
        hum_left = (sound - usual)[inside, 0] + hum[inside]
        left.append(rms(hum_left) / rms(hum[inside]))
    assert max(left) < 0.8
    assert min(left) < 0.01
