"""How late an avatar's mouth is behind the sound that moves it, and whether its own sound comes with it.

Three curves are compared on one clock: how far the lips part by the voice network for the sound as it left the
microphone, how far they do in the frames that arrive, and the sound that comes back. How far they do in a frame is
measured in two ways: by a face mesh that looks at it, which errs by a frame at every other opening, and by the moment
of the voice that the server drew it from, which does not. The renderer keeps nothing of one frame's face for the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.percentiles import percentiles
from benchmarks.streaming.spoken_sound import SpokenMicrophone, sound_delay
from models.voice.log_mel import SAMPLE_RATE

Array = NDArray[np.float32]

LEAST_RISE = 0.06  # eye distances by which lips part in an opening that is looked at
REST_S, RISE_S = 0.16, 0.3  # before and after the middle of an opening, in which its least and its largest are
MAX_DELAY_S, DELAY_STEP_S = 0.8, 0.005
MAX_BEGIN_S = 10.0  # of a voice after its sound, in which its network is made
LEAST_LIKENESS = 0.7  # correlation of lips in frames and in the sound, below which the frames show something else
STILL = 1e-4  # eye distances: deviation of lips that do not move
STAGES = ("sound age", "queue age", "draw", "encode", "total")  # of the server, of which a delay is made
PIECE_S = 0.3  # of returned sound whose delay is measured at once; while it changes, sound is played faster or slower


@dataclass
class VoiceTrace:
    """What a client recorded. Times: seconds on `time.monotonic`.

    began: of the sound that it sent. frames: arrival of each avatar frame. opening: of the lips in it, eye distances,
    NaN where no face was found. shown: of the driver's in the motion that it was drawn from, heard: the moment of the
    voice that moved these, in s since that began; NaN where they are unknown.
    sound: (arrival, start on its own clock in s, samples at 16 kHz) of its frames.
    stages: milliseconds of the server by stage.
    """

    began: float
    frames: Array
    opening: Array
    shown: Array
    heard: Array
    sound: list[tuple[float, float, Array]]
    stages: dict[str, list[float]] = field(default_factory=dict)


def openings(times: Array, parting: Array) -> Array:
    """(N,) s at which lips (T,) have parted half of each way from shut to open; between two steps where it is so."""
    return np.array([at for at, _ in _half_ways(times, parting)])


def _half_ways(times: Array, parting: Array) -> list[tuple[float, float]]:
    """When lips have parted half of the way in each opening, and how far they have then."""
    found: list[tuple[float, float]] = []
    for at in np.flatnonzero(np.diff(np.sign(np.diff(parting))) > 0) + 1:  # each least
        until = np.searchsorted(times, times[at] + RISE_S)
        rise = parting[at:until]
        peak = int(np.argmax(rise))
        if rise[peak] - rise[0] >= LEAST_RISE and (np.diff(rise[: peak + 1]) > -LEAST_RISE / 4).all():
            level = float(rise[0] + rise[peak]) / 2
            crossed = _crossing(times[at:until], rise, level)
            if not found or crossed - found[-1][0] > REST_S / 2:
                found.append((crossed, level))
    return found


def drawn_delays(
    times: Array, parting: Array, frames: Array, shown: Array, heard: Array
) -> tuple[list[tuple[float, float]], list[float]]:
    """As `opening_delays`, to the arrival of the first frame of a moment at which lips had parted as far, however late
    it comes; and the times of openings that no frame shows, since lips had met again when the next one was drawn.

    shown, heard: (F,) see `VoiceTrace`. Raises ValueError where frames show another voice.
    """
    known = np.isfinite(shown) & np.isfinite(heard)
    frames, shown, heard = frames[known], shown[known], heard[known]
    if not len(frames) or not np.std(shown) > STILL or not np.std(parting) > STILL:
        return [], []
    moments = heard + voice_begin(times, parting, shown, heard)
    found, unseen = [], []
    for at, level in _half_ways(times, parting):
        if moments[0] < at <= moments[-1]:
            first = int(np.argmax(moments >= at))
            since = [*parting[(times > at) & (times < moments[first])], np.interp(moments[first], times, parting)]
            if min(since) >= level - STILL:
                found.append((at, float(frames[first] - at)))
            else:
                unseen.append(at)
    return found, unseen


def voice_begin(times: Array, parting: Array, shown: Array, heard: Array) -> float:
    """When the voice of the server began, in s since the sound did: where its lips follow those of the sound best."""

    def likeness(begin: float) -> float:
        own = np.interp(heard + begin, times, parting)
        return float(np.corrcoef(own, shown)[0, 1]) if np.std(own) > STILL else -1.0

    begins = np.arange(0.0, MAX_BEGIN_S, DELAY_STEP_S)
    coarse = max(begins, key=likeness)
    best = max(coarse + np.arange(-DELAY_STEP_S, DELAY_STEP_S, 0.001), key=likeness)
    if likeness(best) < LEAST_LIKENESS:
        raise ValueError("the frames do not show what was said; nothing was measured")
    return float(best)


def _crossing(times: Array, values: Array, level: float) -> float:
    """When values (T,) that begin below a level first reach it, between two of them."""
    first = int(np.argmax(values >= level))
    if first == 0:
        return float(times[0])
    share = (level - values[first - 1]) / (values[first] - values[first - 1])
    return float(times[first - 1] + share * (times[first] - times[first - 1]))


def usual_delay(times: Array, parting: Array, frames: Array, opening: Array) -> float:
    """Seconds by which the opening of frames follows a parting best. All times on one clock."""
    measured = np.isfinite(opening)
    delays = np.arange(0.0, MAX_DELAY_S, DELAY_STEP_S)
    likeness = [np.corrcoef(np.interp(frames[measured] - d, times, parting), opening[measured])[0, 1] for d in delays]
    return float(delays[int(np.argmax(likeness))])


def opening_delays(times: Array, parting: Array, frames: Array, opening: Array) -> list[tuple[float, float]]:
    """(time, delay) in s of each opening of a parting whose frames show one: from when its lips have parted half of the
    way to the arrival of the first frame that shows as much of its own.
    """
    moments, found = openings(times, parting), []
    if not len(moments) or not np.nanstd(opening) > STILL:
        return []
    usual = usual_delay(times, parting, frames, opening)
    for at in moments:
        near = np.flatnonzero((frames >= at + usual - REST_S) & (frames <= at + usual + RISE_S))
        early = near[frames[near] <= at + usual + REST_S / 2]
        if not len(early) or not np.isfinite(opening[near]).all():
            continue
        shut = early[int(np.argmin(opening[early]))]
        rise = opening[shut : near[-1] + 1]
        peak = int(np.argmax(rise))
        if rise[peak] - rise[0] < LEAST_RISE / 2:
            continue
        first = int(np.argmax(rise >= (rise[0] + rise[peak]) / 2))
        found.append((float(at), float(frames[shut + first] - at)))
    return found


def sound_delays(microphone: SpokenMicrophone, trace: VoiceTrace) -> tuple[Array, Array]:
    """(times, delays) in s of pieces of the sound that came back, both on `time.monotonic`."""
    began = trace.sound[0][1]
    played_from = float(np.median([at - (start - began) for at, start, _ in trace.sound]))
    heard = np.zeros(round((trace.sound[-1][1] - began + 1) * SAMPLE_RATE), np.float32)
    for _, start, samples in trace.sound:
        first = round((start - began) * SAMPLE_RATE)
        heard[first : first + len(samples)] = samples
    sent = microphone.said(played_from - trace.began + len(heard) / SAMPLE_RATE + 1)
    count = round(PIECE_S * SAMPLE_RATE)
    times, delays = [], []
    for first in range(0, len(heard) - count, count):
        at = played_from + first / SAMPLE_RATE
        delay = sound_delay(sent, heard[first : first + count], at - trace.began)
        if delay is not None:
            times.append(at)
            delays.append(delay)
    return np.array(times), np.array(delays)


def summarise(
    times: Array, parting: Array, microphone: SpokenMicrophone, trace: VoiceTrace
) -> dict[str, float | int | dict[str, float | None]]:
    """The figures, milliseconds. times, parting: of the lips by the network, in s since the sound began.

    Raises ValueError where no mouth or no sound came back.
    """
    frames = trace.frames - trace.began
    heard_at, delays = sound_delays(microphone, trace)
    by_mesh = opening_delays(times, parting, frames, trace.opening)
    drawn, unseen = drawn_delays(times, parting, frames, trace.shown, trace.heard)
    if not by_mesh or not drawn or not len(delays):
        raise ValueError("no mouth that moves, or no sound, came back; nothing was measured")
    return {
        "openings": len(drawn) + len(unseen),
        "unseen_openings": len(unseen),
        "mouth_openings": len(by_mesh),
        "fps": round(len(frames) / float(frames[-1] - frames[0]), 1),
        **_of_openings("mouth", by_mesh, heard_at - trace.began - delays, delays),
        "usual_ms": round(1000 * usual_delay(times, parting, frames, trace.opening)),
        **_of_openings("drawn", drawn, heard_at - trace.began - delays, delays),
        "sound_ms": _ms(delays),
        "voice_cpu_ms": percentiles(trace.stages.get("voice", [])),
        "between_frames_ms": _ms(np.diff(frames)),
        **{f"{stage}_ms": percentiles(trace.stages[stage]) for stage in STAGES if stage in trace.stages},
    }


def _of_openings(
    name: str, events: Sequence[tuple[float, float]], said_at: Array, sound: Array
) -> dict[str, dict[str, float | None]]:
    """Delays of openings (time, delay), by how much they come after their own sound, and how far from it.

    said_at, sound: (N,) when sounds were said, and the delays with which they came back. Seconds in, milliseconds out.
    """
    delays = np.array([delay for _, delay in events])
    late = delays - np.interp([at for at, _ in events], said_at, sound)
    return {f"{name}_ms": _ms(delays), f"{name}_after_sound_ms": _ms(late), f"{name}_apart_ms": _ms(np.abs(late))}


def _ms(seconds: Sequence[float] | Array) -> dict[str, float | None]:
    return percentiles([1000 * each for each in seconds])
