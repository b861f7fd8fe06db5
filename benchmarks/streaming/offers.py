"""SDP offers: one of a real peer, and damaged ones."""

from __future__ import annotations

import random

from aiortc import RTCConfiguration, RTCPeerConnection

# What a line of an offer may be replaced by, or get inserted.
WEIRD_LINES = [
    "",
    "a=",
    "m=",
    "m=video",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "m=video 9 UDP/TLS/RTP/SAVPF 97",
    "m=audio 9 UDP/TLS/RTP/SAVPF 0",
    "a=group:BUNDLE 7",
    "a=group:BUNDLE",
    "a=mid:0",
    "a=mid:x y",
    "a=fmtp:5 x=1",
    "a=rtpmap:5 VP8/0",
    "a=rtpmap:300 H264/90000",
    "a=rtcp-fb:* nack",
    "a=extmap:999 urn:x",
    "a=ssrc:5",
    "a=ssrc-group:FID 1 2 3",
    "a=setup:active",
    "a=setup:passive",
    "a=setup:nothing",
    "a=fingerprint:md5 00",
    "a=fingerprint:sha-256 00",
    "a=ice-ufrag:é",
    "a=ice-lite",
    "a=inactive",
    "a=recvonly",
    "a=end-of-candidates",
    "a=candidate:1 1 udp 1 127.0.0.1 9 typ host",
    "a=candidate:1 1 udp 1 here.local 9 typ host",
    "a=candidate:1 1 udp 1 127.0.0.1 99999 typ host",
    "a=candidate:1 9 tcp -5 ::1 9 typ srflx raddr x rport 7 tcptype so",
    "a=candidate:1 1 udp",
    "c=IN IP4 here",
    "s=\u2028a=mid:9",
]
WEIRD_WORDS = ["", "0", "-1", "65536", "9" * 40, "9" * 5000, "x", "٣", "a b", "\x00", "é" * 300, "/", ":"]


async def make_offer(*, sound: bool = True, data: bool = False) -> str:
    """The offer of an aiortc peer that sends and receives video and, with `sound`, audio; it has no candidates.

    data: with a data channel, too.
    """
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTransceiver("video", "sendrecv")
    if sound:
        peer.addTransceiver("audio", "sendrecv")
    if data:
        peer.createDataChannel("data")
    offer = await peer.createOffer()
    await peer.close()
    return offer.sdp


def with_candidates(offer: str, count: int) -> str:
    """The offer with so many more candidates, all of this machine, in its last media line."""
    lines = [f"a=candidate:{index} 1 udp 2130706431 127.0.0.1 {40_000 + index} typ host" for index in range(count)]
    return offer + "".join(f"{line}\r\n" for line in lines)


def damaged(offer: str, chance: random.Random) -> str:
    """The offer with one to four random changes of its lines, words and characters."""
    lines = offer.splitlines()
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(lines))
        change = chance.randrange(8)
        if change == 0:
            del lines[place]
        elif change == 1:
            lines.insert(place, lines[place])
        elif change == 2:
            lines.insert(place, lines[chance.randrange(len(lines))])
        elif change == 3:
            lines[place] = chance.choice(WEIRD_LINES)
        elif change == 4:
            lines.insert(place, chance.choice(WEIRD_LINES))
        elif change == 5:
            words = lines[place].split(" ")
            words[chance.randrange(len(words))] = chance.choice(WEIRD_WORDS)
            lines[place] = " ".join(words)
        elif change == 6:
            name, colon, _ = lines[place].partition(":")
            lines[place] = name + colon + chance.choice(WEIRD_WORDS)
        else:
            line = lines[place]
            cut = chance.randrange(len(line) + 1)
            lines[place] = line[:cut] + chance.choice(["", chr(chance.randrange(1, 0x2100))]) + line[cut + 1 :]
        if not lines:
            break
    return "\r\n".join(lines) + "\r\n"
