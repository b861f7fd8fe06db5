"""The addresses of RTMP and SRT servers, and that no sentence and no `repr` shows a secret of one."""

from __future__ import annotations

import pytest

from streamer.errors import SettingsError
from streamer.stream_address import RtmpAddress, SrtAddress, is_whip, publish_address, read_stream_address

SECRET = "s3cret-k3y"


@pytest.mark.parametrize(
    ("text", "address", "url"),
    [
        (f"rtmp://live.example/app/{SECRET}", RtmpAddress("live.example", 1935, False, "app", SECRET), "app"),
        (f"RTMPS://live.example/app/{SECRET}", RtmpAddress("live.example", 443, True, "app", SECRET), "app"),
        (f"rtmp://[::1]:1936/a/b/{SECRET}?x=/y", RtmpAddress("::1", 1936, False, "a/b", f"{SECRET}?x=/y"), "a/b"),
        (f"rtmp://127.0.0.1/me?pass={SECRET}", RtmpAddress("127.0.0.1", 1935, False, f"me?pass={SECRET}", ""), "me?"),
    ],
)
def test_rtmp_address_is_host_application_and_key(text: str, address: RtmpAddress, url: str) -> None:
    assert read_stream_address("--publish", text) == address
    assert url in address.url and (":1936" in address.url) == (address.port == 1936)
    assert ("://[::1]:1936/" in address.url) == ("[::1]" in text)
    assert SECRET not in repr(address)
    assert address.is_clear == text.startswith("rtmp://live")


def test_srt_address_has_parameters_as_ffmpeg_spells_them() -> None:
    text = f"srt://media.example:9000?mode=caller&latency=200000&pbkeylen=32&passphrase={SECRET}&streamid=%23!::r=a,m=publish"
    address = read_stream_address("--publish", text + "&connect_timeout=500&transtype=live&pkt_size=1316")
    assert address == SrtAddress("media.example", 9000, 0.2, 0.5, 32, "#!::r=a,m=publish", SECRET)
    assert SECRET not in repr(address) and "r=a" not in repr(address) and not address.is_clear
    plain = read_stream_address("--publish", "srt://media.example:9000/?srt_streamid=x")
    assert plain == SrtAddress("media.example", 9000, stream_id="x") and plain.is_clear


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        *(
            (text, "is not the address of a media server: it must look like rtmp://HOST/APP/KEY.")
            for text in (f"rtmp://me:{SECRET}@live.example/app/key", f"rtmp://live.example:0/{SECRET}", "rtmp:///a/b")
        ),
        (f"rtmps://live.example?{SECRET}", "names no application: it must look like rtmps://HOST/APP/KEY."),
        (f"srt://media.example?{SECRET}", "names no port: it must look like srt://HOST:PORT?streamid=ID."),
        (
            f"srt://media.example:1?mode=listener&passphrase={SECRET}",
            "wants Kagami to be called: leave out mode, and let the other side be the listener.",
        ),
        ("srt://media.example:1?passphrase=s3cret", "has a passphrase that is not 10 to 79 characters long."),
        ("srt://media.example:1?pbkeylen=8", "has a pbkeylen that SRT does not know: 16, 24 or 32."),
        ("srt://media.example:1?latency=1ms", "has a latency that is no number of microseconds from 0 to 30000000."),
        (f"srt://media.example:1?streamid={'s3cret' * 99}", "has a streamid of more than 512 bytes: shorten it."),
        (
            f"srt://media.example:1?pass={SECRET}",
            "has an unknown parameter 'pass': known are streamid, passphrase, pbkeylen, latency, connect_timeout and "
            "mode.",
        ),
    ],
)
def test_address_that_cannot_be_used_is_refused_without_its_secret(text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        publish_address("--publish", text)
    assert str(caught.value) == f"--publish {sentence}" and "s3cret" not in str(caught.value)


def test_other_addresses_are_those_of_whip() -> None:
    url = "https://media.example/whip"
    assert publish_address("--publish", url) == url and is_whip(url)
    assert not is_whip("rtmp://live.example/app/key")
