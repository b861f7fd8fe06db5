"""Makes the voice network's training data: synthetic speech, and what a face does while it is said.

    python -m training.voice.make_data --out FOLDER --hours 3

writes shards of `Recording`s; one that is there already is kept, so that a stopped run goes on.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from models.voice.log_mel import FEATURES, SAMPLE_RATE, STEP, STEP_S, LogMel
from models.voice.mouth_shapes import CHANNELS, JAW, LIPS_TOUCH, NOD, SHAPES, SPEECH
from training.voice import festival, flite
from training.voice.espeak import espeak
from training.voice.languages import ACCENTS, LANGUAGES, TRAINING_LANGUAGES, make_sentence
from training.voice.phonemes import Samples, Segment, Utterance
from training.voice.prosody import effort, nod_and_brows
from training.voice.rooms import at_16_khz, recorded, without_voice
from training.voice.visemes import Array, blend_visemes, in_speech, lips_touching

SHARD_SENTENCES = 64
SENTENCE_S = 3.4  # of an average one, with which hours become shards
NATURAL_SHARE = 0.6  # of the sentences by voices that are made of people's
TAKES = 2  # of each sentence, at other speeds, in other rooms
SOUNDLESS_SHARE = 0.2  # recordings without a voice, of those with one
VARIANTS = ("m1", "m2", "m3", "m4", "m6", "m7", "f1", "f2", "f3", "f5", "klatt", "klatt2", "klatt4", "Andy", "Annie",
            "Denis", "linda", "paul", "steph", "whisper")  # fmt: skip
UNHEARD_VARIANTS = ("m5", "f4", "Mario", "klatt3")  # of the evaluation
# Voices made of people's: those of Festival, and those of Flite, which begin with "flite ". The one speaker with a
# British accent twice. Festival's Russian nsh is not among them: its times agree least with its sound.
NATURAL_TRAINING = ("flite awb", "flite awb", "flite slt", "slt", "kal", "lp", "pc", "lj", "mv", "krb", "machac", "ph")
NATURAL_UNHEARD = ("flite rms", "ked", "dita", "ona")  # the last one in a language that is not trained on either
FLITE = "flite "
BROWS = tuple(SHAPES.index(name) for name in ("browInnerUp", "browOuterUp"))
JAW_GAIN = 1.2  # by which targets are exceeded, since what neighbours blend to stays behind all of them
EFFORT = 0.35  # how much further a jaw opens in words of twice the loudness


@dataclass(frozen=True)
class Recording:
    """features: (T, FEATURES). face: (T, CHANNELS), what the network shall say of the end of each step."""

    features: Array
    face: Array


def face_of(samples: Samples, segments: tuple[Segment, ...]) -> Array:
    """The face (T, CHANNELS) at the end of each step of clean samples at 16 kHz; touch and speech are 0..1."""
    count = len(samples) // STEP
    times = ((np.arange(count) + 1) * STEP_S).astype(np.float32)
    face = np.zeros((count, CHANNELS), np.float32)
    speech = in_speech(segments, times)
    face[:, : len(SHAPES)] = blend_visemes(segments, times)
    face[:, JAW] *= JAW_GAIN * np.clip(1 + EFFORT * effort(samples, speech), 0.6, 1.5)
    nod, brows = nod_and_brows(samples, speech)
    face[:, BROWS] = brows[:, None]
    face[:, NOD], face[:, LIPS_TOUCH], face[:, SPEECH] = nod, lips_touching(segments, times), speech
    return face


def recording_of(utterance: Utterance, random: np.random.Generator) -> Recording:
    """An utterance as some speaker, room and microphone give it."""
    speed = random.uniform(0.84, 1.2)
    clean = at_16_khz(utterance.samples, utterance.rate, speed)
    lead_in, lead_out = (random.uniform(0.05, 0.8, 2) * SAMPLE_RATE).astype(int)
    clean = np.pad(clean, (lead_in, lead_out))
    clean = clean[: len(clean) // STEP * STEP]
    shift = lead_in / SAMPLE_RATE
    segments = tuple(Segment(s.ipa, s.start / speed + shift, s.end / speed + shift) for s in utterance.segments)
    return Recording(features_of(recorded(clean, random)), face_of(clean, segments))


def features_of(samples: Samples) -> Array:
    """Features (T, FEATURES) of samples at 16 kHz."""
    mel = LogMel()
    features, _ = mel(torch.from_numpy(samples), mel.first_state())
    return features.numpy()


def soundless(random: np.random.Generator) -> Recording:
    """A recording in which nobody speaks: noise, music, keys or hardly anything."""
    length = int(random.uniform(2, 5) / STEP_S) * STEP
    level = 10 ** random.uniform(-4.5, -0.7)
    features = features_of(np.clip(without_voice(length, random) * level, -1, 1).astype(np.float32))
    return Recording(features, np.zeros((len(features), CHANNELS), np.float32))


def espeak_sentence(random: np.random.Generator, languages: tuple[str, ...], variants: tuple[str, ...]) -> Utterance:
    """A sentence of one of the languages by one of eSpeak NG's voices, at some speed and pitch."""
    code = str(random.choice(languages))
    voice = f"{random.choice(ACCENTS.get(code, (code,)))}+{random.choice(variants)}"
    speed, pitch, spread = random.integers(120, 230), random.integers(20, 80), random.integers(20, 90)
    return espeak().say(make_sentence(LANGUAGES[code], random), voice, int(speed), int(pitch), int(spread))


def natural_sentences(random: np.random.Generator, names: tuple[str, ...], count: int) -> list[Utterance]:
    """Sentences by voices made of people's, fewer than `count` where a synthesiser cannot say some of them."""
    said: list[Utterance | None] = []
    for_festival = []
    for name in (str(name) for name in random.choice(names, count)):
        stretch, pitch = float(random.uniform(0.8, 1.2)), float(random.uniform(0.8, 1.3))
        if name.startswith(FLITE):
            voice = name.removeprefix(FLITE)
            text = make_sentence(LANGUAGES[flite.VOICES[voice].text], random)
            said.append(flite.say(text, voice, stretch, pitch))
        else:
            for_festival.append((name, make_sentence(LANGUAGES[festival.VOICES[name].text], random), stretch))
    return [utterance for utterance in (*said, *festival.say_all(for_festival)) if utterance is not None]


def make_shard(seed: int, natural_share: float, count: int = SHARD_SENTENCES) -> list[Recording]:
    """Recordings of `count` sentences of training voices and languages, and some without a voice."""
    random = np.random.default_rng(seed)
    natural = round(count * natural_share)
    utterances = natural_sentences(random, NATURAL_TRAINING, natural) if natural else []
    utterances += [espeak_sentence(random, TRAINING_LANGUAGES, VARIANTS) for _ in range(count - natural)]
    recordings = [recording_of(utterance, random) for utterance in utterances for _ in range(TAKES)]
    return recordings + [soundless(random) for _ in range(round(count * SOUNDLESS_SHARE))]


def make_unheard(seed: int, count: int = SHARD_SENTENCES) -> list[Recording]:
    """Recordings of `count` sentences of voices that are not trained on, half of them made of people's: what a
    checkpoint is chosen by.
    """
    random = np.random.default_rng(seed)
    utterances = natural_sentences(random, NATURAL_UNHEARD, count // 2)
    utterances += [espeak_sentence(random, TRAINING_LANGUAGES, UNHEARD_VARIANTS) for _ in range(count - count // 2)]
    return [recording_of(utterance, random) for utterance in utterances]


def save_shard(path: Path, recordings: list[Recording]) -> None:
    """Write recordings as one file, in half precision, complete or not at all."""
    partial = path.with_suffix(".partial")
    lengths = np.array([len(each.features) for each in recordings], np.int32)
    features = np.concatenate([each.features for each in recordings]).astype(np.float16)
    face = np.concatenate([each.face for each in recordings]).astype(np.float16)
    save_file({"lengths": lengths, "features": features, "face": face}, str(partial))
    partial.rename(path)


def load_shard(path: Path) -> list[Recording]:
    """The recordings of a file of `save_shard`. ValueError where its sizes are not today's."""
    stored = load_file(str(path))
    if stored["features"].shape[1] != FEATURES or stored["face"].shape[1] != CHANNELS:
        raise ValueError(f"{path} was made for other features or channels; make the data again.")
    ends = np.cumsum(stored["lengths"])[:-1]
    features = np.split(stored["features"].astype(np.float32), ends)
    face = np.split(stored["face"].astype(np.float32), ends)
    return [Recording(a, b) for a, b in zip(features, face, strict=True)]


def main() -> None:
    """Make the shards that are missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--hours", type=float, default=3.0, help="hours of speech")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--natural", type=float, default=NATURAL_SHARE, help="share of voices made of people's, 0..1")
    parser.add_argument("--unheard", action="store_true", help="one shard of voices that are not trained on, instead")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.unheard:
        save_shard(arguments.out / "unheard.safetensors", make_unheard(arguments.seed))
        return
    shards = max(1, round(arguments.hours * 3600 / (SHARD_SENTENCES * TAKES * SENTENCE_S)))
    for number in range(shards):
        path = arguments.out / f"shard_{arguments.seed}_{number:04}.safetensors"
        if not path.exists():
            save_shard(path, make_shard(arguments.seed * 10_000 + number, arguments.natural))
            logging.info("shard %d of %d", number + 1, shards)


if __name__ == "__main__":
    main()
