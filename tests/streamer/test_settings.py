from __future__ import annotations

from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import pytest
from aiortc import RTCIceGatherer, RTCIceServer

from streamer.addresses import host_and_port
from streamer.errors import SettingsError
from streamer.flags import options_of
from streamer.options import PRECISIONS
from streamer.settings import Settings, make_parser, read_settings


def read(*arguments: str, **environment: str) -> Settings:
    return read_settings(arguments, environment)


def test_nothing_given_means_the_defaults() -> None:
    assert read() == Settings()


def test_every_setting_has_a_flag_with_a_help_text() -> None:
    text = make_parser().format_help()
    assert [option.name for option in options_of(Settings)] == [spec.name for spec in fields(Settings)]
    for option in options_of(Settings):
        assert f"{option.spelling} " in text or f"{option.spelling}\n" in text, option.name
        assert option.flag.help


def test_help_is_grouped() -> None:
    text = make_parser().format_help()
    headings = [text.index(f"\n{group}:\n") for group in ("picture", "drawing", "server", "network", "limits")]
    assert headings == sorted(headings)


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        read("--version")
    assert caught.value.code == 0 and capsys.readouterr().out == f"Kagami {version('kagami')}\n"


def test_flags_are_read() -> None:
    settings = read(
        "--ref", "c.png", "--port", "9000", "--no-body", "--virtual-camera", "--stun", "stun:a:1", "--stun", "stun:b:2"
    )  # fmt: skip
    assert settings == Settings(
        ref=(Path("c.png"),), port=9000, body=False, virtual_camera="", stun=("stun:a:1", "stun:b:2")
    )
    assert read("--virtual-camera", "OBS").virtual_camera == "OBS"


def test_several_pictures_are_one_character_from_flags_and_from_a_file(tmp_path: Path) -> None:
    assert read("--ref", "a.png", "--ref", "b.png").ref == (Path("a.png"), Path("b.png"))
    config = tmp_path / "kagami.toml"
    config.write_text('ref = ["a.png", "sub/b.png"]\n')
    assert read("--config", str(config)).ref == (tmp_path / "a.png", tmp_path / "sub" / "b.png")
    with pytest.raises(SettingsError) as caught:
        read(*["--ref", "a.png"] * 5)
    assert str(caught.value) == "--ref has 5 values; it takes 1 to 4."


def test_the_precisions_are_those_that_there_are() -> None:
    option = next(option for option in options_of(Settings) if option.name == "precision")
    assert option.choices == PRECISIONS
    assert read("--precision", "float16").precision == "float16" and read().precision is None


def test_flags_win_over_the_file_and_the_file_over_the_environment(tmp_path: Path) -> None:
    config = tmp_path / "kagami.toml"
    config.write_text(
        'port = 9000\nfps = 25\nref = "me.png"\nmirror = false\nstun = "stun:a:1"\nmax-sessions = 2\n'
        'token = "from-the-file"\n'
    )
    settings = read("--config", str(config), "--port", "9100", KAGAMI_TOKEN="from-the-environment")
    assert settings == Settings(
        ref=(tmp_path / "me.png",),
        port=9100,
        fps=25.0,
        mirror=False,
        stun=("stun:a:1",),
        max_sessions=2,
        token="from-the-file",
    )
    assert read(KAGAMI_TOKEN="from-the-environment").token == "from-the-environment"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("prot = 1", "{file} sets 'prot', which does not exist; run_server.py --help lists the settings."),
        ("port = 70000", "'port' in {file} is 70000; it must be a whole number from 0 to 65535."),
        ("port = true", "'port' in {file} is True; it must be a whole number."),
        ("port = '1'", "'port' in {file} is 1; it must be a whole number from 0 to 65535."),
        ("fps = nan", "'fps' in {file} is nan; it must be a number from 1 to 60."),
        ("mirror = 1", "'mirror' in {file} is 1; it must be true or false."),
        ("ref = 3", "'ref' in {file} is 3; it must be text or a list of texts."),
        ("ref = []", "'ref' in {file} has 0 values; it takes 1 to 4."),
        ("ref = [3]", "'ref' in {file} is [3]; it must be text or a list of texts."),
        ("stun = 3", "'stun' in {file} is 3; it must be text or a list of texts."),
        ("stun = 'turn:a:1'", "'stun' in {file} is 'turn:a:1'; it must look like stun:HOST:PORT."),
        ("device = 'tpu'", "'device' in {file} is 'tpu'; it must be one of auto, cpu, cuda."),
        ("colour = 'green'", "The colour 'green' is not of the form #rrggbb; write for example #00b140."),
        (f"mood = '{'a' * 201}'", "'mood' in {file} is longer than 200 characters: write fewer words."),
        ("token = 'short'", "'token' in {file} is shorter than 8 characters: choose a longer word."),
        ("allow_origin = 'me.org'", "'allow_origin' in {file} is 'me.org'; it must look like https://HOST or https://HOST:PORT."),
    ],
)  # fmt: skip
def test_a_wrong_file_gets_one_sentence(tmp_path: Path, line: str, sentence: str) -> None:
    config = tmp_path / "kagami.toml"
    config.write_text(line)
    with pytest.raises(SettingsError) as caught:
        read("--config", str(config))
    assert str(caught.value) == sentence.format(file=config)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://avatar.example.org", "https://avatar.example.org"),
        ("https://avatar.example.org/", "https://avatar.example.org"),
        ("HTTPS://Avatar.Example.org:443", "https://avatar.example.org"),
        ("http://192.0.2.1:80", "http://192.0.2.1"),
        ("http://[2001:db8::1]:8080", "http://[2001:db8::1]:8080"),
        ("http://my_box:443", "http://my_box:443"),
    ],
)
def test_an_allowed_origin_is_kept_as_browsers_send_it(text: str, origin: str) -> None:
    assert read("--allow-origin", text).allow_origin == (origin,)


@pytest.mark.parametrize(
    "text",
    [
        "https://[", "https://[]", "https://[::1", "https://[1.2.3.4]", "https://", "https://:443", "https://a..b",
        "https://a:0", "https://a:65536", "https://a:x", "https://a:\u0663", "https://a/path", "https://u@a", "https://a?b",
        "https://a b", "https://-a", "https://\u00e4.org", "https://a\n", "https://" + "a" * 64, "ftp://a",
    ],
)  # fmt: skip
def test_an_origin_that_no_browser_sends_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="it must look like https://HOST or https://HOST:PORT"):
        read("--allow-origin", text)


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--stun", "stun:a"), ("--stun", "stun:stun.example.org:3478"), ("--stun", "stuns:192.0.2.1:5349"),
        ("--turn", "turn:a"), ("--turn", "turns:a:443?transport=tcp"), ("--turn", "turn:a:1?transport=udp"),
    ],
)  # fmt: skip
def test_an_ice_server_of_the_settings_can_be_used_by_aiortc(flag: str, text: str) -> None:
    read(flag, text)
    RTCIceGatherer([RTCIceServer(text)])


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("--stun", "stun:"), ("--stun", "stun::3478"), ("--stun", "stun:a:"), ("--stun", "stun:a:0"),
        ("--stun", "stun:a:70000"), ("--stun", "stun:a:x"), ("--stun", "stun:[::1]:1"), ("--stun", "stun://a"),
        ("--stun", "stun:a?transport=udp"), ("--stun", "stun:a b"), ("--stun", "turn:a"), ("--stun", "stun:a\n"),
        ("--turn", "turn:"), ("--turn", "turns:"), ("--turn", "turn:a?transport=sctp"), ("--turn", "turn:a?b"),
        ("--turn", "turn:u@a"), ("--turn", "stun:a"),
    ],
)  # fmt: skip
def test_an_ice_server_that_no_connection_could_use_is_refused(flag: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"it must look like {flag[2:]}:HOST:PORT"):
        read(flag, text)


def test_a_file_that_is_not_toml_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"^Cannot read .*none.toml \(No such file or directory\): give --config an"
    ):
        read("--config", str(tmp_path / "none.toml"))
    (tmp_path / "bad.toml").write_text("port =")
    with pytest.raises(SettingsError, match=r"bad.toml is not valid TOML \(.*\): correct it\.$"):
        read("--config", str(tmp_path / "bad.toml"))


def test_a_flag_out_of_range_names_the_flag() -> None:
    with pytest.raises(SettingsError) as caught:
        read("--size", "64")
    assert str(caught.value) == "--size is 64; it must be a whole number from 128 to 1024."


def test_flags_are_not_abbreviated(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        read("--por", "1")
    assert caught.value.code == 2 and "--por" in capsys.readouterr().err


def test_bones_are_checked_when_they_are_read() -> None:
    assert read("--bones", "arms=0.9").bones == "arms=0.9"
    with pytest.raises(SettingsError) as caught:
        read("--bones", "tail=2")
    assert str(caught.value) == (
        "--bones: 'tail' is none of shoulders, torso, arms, legs; write for example arms=0.9,legs=1.1."
    )


def test_a_frame_is_read_and_an_aspect_that_is_none_is_refused() -> None:
    settings = read("--frame", "bust", "--aspect", "1280x720", "--zoom", "1.5", "--no-keep-in-frame")
    assert (settings.frame, settings.aspect, settings.zoom) == ("bust", "1280x720", 1.5)
    assert not settings.keep_in_frame
    with pytest.raises(SettingsError) as caught:
        read("--aspect", "4:3")
    assert str(caught.value) == (
        "--aspect: '4:3' is none of picture, 1:1, 16:9, 9:16 and WIDTHxHEIGHT; write for example 16:9 or 1280x720."
    )


def test_a_folder_of_pictures_is_one_and_a_files_is_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    config = tmp_path / "kagami.toml"
    config.write_text('pictures = "mine"\ncontrol-api = "token"\nrecord = "takes"\n')
    settings = read("--config", str(config))
    assert settings.pictures == tmp_path / "mine" and settings.control_api == "token"
    assert settings.record == tmp_path / "takes"  # which the server makes
    with pytest.raises(SettingsError, match="which is no folder: give one with pictures in it"):
        read("--pictures", str(config))


@pytest.mark.parametrize(
    "url",
    ["https://media.example/whip", "https://media.example:8443/whip?key=1", "http://localhost:8889/me/whip", "http://[::1]:1/"],
)  # fmt: skip
def test_a_media_server_is_https_or_on_this_machine(url: str) -> None:
    assert read("--publish", url, KAGAMI_PUBLISH_TOKEN="a.b-c").publish == url
    assert read("--publish", url, KAGAMI_PUBLISH_TOKEN="a.b-c").publish_token == "a.b-c"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        *(
            (
                text,
                "is not the address of a media server: it must look like https://HOST/PATH, "
                "rtmp://HOST/APP/KEY or srt://HOST:PORT.",
            )
            for text in (
                "media.example/key",
                "https://me:key@media.example/",
                "https://media.example:0/",
                "https://a b/",
            )
        ),
        *(
            (text, "would send a token and the avatar in the clear: use https:// for other machines.")
            for text in ("http://media.example/key", "http://192.0.2.1/")
        ),
    ],
)
def test_a_media_server_that_is_none_is_refused_without_its_key(text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read("--publish", text)
    assert str(caught.value) == f"--publish {sentence}"


def test_an_rtmp_address_may_be_in_the_environment_and_has_no_token() -> None:
    url = "rtmp://live.example/app/s3cret"
    assert read(KAGAMI_PUBLISH=url).publish == url
    sentence = "--publish-token is for WHIP alone, RTMP and SRT have it in the address: leave it out."
    with pytest.raises(SettingsError) as caught:
        read("--publish", url, "--publish-token", "abc")
    assert str(caught.value) == sentence
    with pytest.raises(SettingsError) as caught:
        read(KAGAMI_PUBLISH="rtmp://me:s3cret@live.example/app/key")
    assert str(caught.value) == (
        "KAGAMI_PUBLISH is not the address of a media server: it must look like rtmp://HOST/APP/KEY."
    )


def test_a_bearer_token_must_be_one_that_http_can_send() -> None:
    with pytest.raises(SettingsError, match="has a space or a character that HTTP cannot send: copy it again"):
        read("--publish-token", "a\nb")


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        (["--ifacialmocap"], "127.0.0.1:49983"), (["--ifacialmocap", "50000"], "127.0.0.1:50000"),
        (["--ifacialmocap", "0.0.0.0:49983"], "0.0.0.0:49983"), (["--ifacialmocap", "[::1]:1"], "[::1]:1"),
        (["--ifacialmocap", "localhost:1"], "127.0.0.1:1"),
    ],
)  # fmt: skip
def test_a_port_for_trackers_is_this_machines_unless_a_host_is_named(arguments: list[str], address: str) -> None:
    assert read(*arguments).ifacialmocap == address
    assert host_and_port(address) == (address.rpartition(":")[0].strip("[]"), int(address.rpartition(":")[2]))


@pytest.mark.parametrize("text", ["port", "0", "65536", "1.2.3.4", "a b:1", ":", "[::1]", "1:2:3", "٣"])
def test_a_port_for_trackers_that_is_none_is_a_sentence(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read("--vmc-receive", text)
    assert str(caught.value) == f"--vmc-receive is '{text}'; it must be PORT or HOST:PORT."


@pytest.mark.parametrize("receives", ["39540", "localhost:39540", "0.0.0.0:39540", "[::]:39540"])
def test_what_is_sent_by_vmc_does_not_come_back(receives: str) -> None:
    with pytest.raises(SettingsError, match="have the same port: what is sent would come back; change one"):
        read("--vmc-send", "39540", "--vmc-receive", receives)
    assert read("--vmc-send", "192.0.2.1:39540", "--vmc-receive", receives).vmc_send == "192.0.2.1:39540"
    assert read("--vmc-send", "39539", "--vmc-receive").vmc_receive == "127.0.0.1:39540"
