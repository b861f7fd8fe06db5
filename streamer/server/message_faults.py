"""The sentences for messages of a page that are not as docs/protocol.md has them."""

from __future__ import annotations

import re

from streamer.options import (
    BACKGROUNDS,
    BONE_RANGE,
    FRAME_KINDS,
    MAX_MOOD_CHARACTERS,
    MAX_STRENGTH,
    TURN_LIMITS,
    ZOOM_RANGE,
    BoneFactors,
)

MAX_SDP_CHARACTERS = 48 * 1024
MAX_CANDIDATE_CHARACTERS = 1024
MAX_MEDIA_LINE = 63  # index of an `m=` line
_CANDIDATE_TOO_LONG = f"A candidate is longer than {MAX_CANDIDATE_CHARACTERS} characters: reload the page."
# The sentences for values of the right type that are not allowed, by field; the strengths share the last one.
_NOT_ALLOWED = {
    "sdp": f"The field 'sdp' is longer than {MAX_SDP_CHARACTERS} characters: reload the page.",
    "candidate": _CANDIDATE_TOO_LONG,
    "sdpMid": _CANDIDATE_TOO_LONG,
    "usernameFragment": _CANDIDATE_TOO_LONG,
    "sdpMLineIndex": f"The field 'sdpMLineIndex' is out of range (0 to {MAX_MEDIA_LINE}): reload the page.",
    "name": "The field 'name' must have 1 to 32 small letters, digits or '-': reload the page.",
    "weights": "The field 'weights' has a value out of range (0 to 1): reload the page.",
    "text": f"The field 'text' is longer than {MAX_MOOD_CHARACTERS} characters: write fewer words.",
    "turn": "The field 'turn' must be three numbers from -1 to 1: reload the page.",
    "resume": "The field 'resume' must have 22 to 64 letters, digits, '-' or '_': reload the page.",
    "background": f"The field 'background' must be one of {', '.join(BACKGROUNDS)}.",
    "colour": "The field 'colour' must look like #rrggbb.",
    "frame": f"The field 'frame' must be one of {', '.join(FRAME_KINDS)}.",
    "aspect": "The field 'aspect' must be picture, 1:1, 16:9, 9:16 or like 1280x720.",
    "zoom": "The field 'zoom' is out of range ({} to {}): choose a value between.".format(*ZOOM_RANGE),
    **{
        name: "The field '{}' is out of range ({} to {}): choose a value between.".format(name, *BONE_RANGE)
        for name in BoneFactors._fields
    },
    **{
        name: f"The field '{name}' is out of range (-{most:g} to {most:g} degrees): choose a value between."
        for name, most in TURN_LIMITS.items()
    },
    "voice": "The field 'voice' is out of range (0 to 1): choose a value between.",
    "shift_x": "The field 'shift_x' is out of range (-1 to 1): choose a value between.",
    "shift_y": "The field 'shift_y' is out of range (-1 to 1): choose a value between.",
}
_STRENGTH_NOT_ALLOWED = f"The field '{{}}' is out of range (0 to {MAX_STRENGTH}): choose a value between."


def fault_sentence(kind: object, problem: str) -> str:
    """The protocol's sentence for what msgspec says of a message of type `kind`; other words are returned unchanged."""
    if unknown := re.fullmatch(r"Object contains unknown field `(.*)`", problem, re.DOTALL):
        name = unknown[1] if len(unknown[1]) <= 32 else unknown[1][:32] + "…"
        return f"A message '{kind}' has no field '{name}': reload the page."
    found = re.fullmatch(r"Object missing required field `(\w+)`|(.*) - at `\$\.(\w+).*`", problem, re.DOTALL)
    if found is None:  # the sentence of a __post_init__
        return problem
    missing, wrong, name = found.groups()
    if "type" in (missing, name):
        return "The message has no known type: reload the page to get the version that fits this server."
    if missing:
        return f"The message lacks its field '{missing}': reload the page."
    if wrong.startswith("Expected") and ", got `" in wrong:
        return f"The field '{name}' has the wrong type: reload the page."
    return _NOT_ALLOWED.get(name, _STRENGTH_NOT_ALLOWED.format(name))
