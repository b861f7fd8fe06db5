"""Pictures that users may hand over: valid ones become upright RGBA, others are refused with one sentence."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms

from streamer.options import PICTURE_FORMATS
from streamer.rigging import picture as module
from streamer.rigging.picture import MAX_SIDE, PictureError, load_detail, load_picture
from streamer.rigging.picture_formats import decode_bytes, open_picture
from tests.support.heif import heic

RED = (200, 30, 20)


def encode(image: Pillow.Image, form: str = "PNG", **options: object) -> bytes:
    if form == "HEIF":
        return heic(np.asarray(image), **options)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def two_halves(width: int = 96, height: int = 64) -> Pillow.Image:
    """Left half red, right half blue."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2] = RED
    pixels[:, width // 2 :] = (20, 30, 200)
    return Pillow.fromarray(pixels)


def noise(width: int = 96, height: int = 64) -> Pillow.Image:
    return Pillow.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing: a decompression bomb's first bytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(100))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


FORMATS: list[tuple[str, dict[str, object]]] = [
    ("PNG", {}), ("JPEG", {"quality": 95}), ("WEBP", {"lossless": True}), ("AVIF", {"quality": 95}), ("HEIF", {}),
    ("HEIF", {"tile": 64}), ("GIF", {}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}),
]  # fmt: skip


@pytest.mark.parametrize(("form", "options"), FORMATS)
def test_load_picture_reads_each_format_from_disk_and_from_bytes(
    tmp_path: Path, form: str, options: dict[str, object]
) -> None:
    data = encode(two_halves(), form, **options)
    path = tmp_path / "avatar.jpg"  # the content decides, not the suffix
    path.write_bytes(data)
    from_disk, from_peer = load_picture(path), load_picture(data)
    assert from_disk.name == "avatar.jpg"
    assert from_peer.name == "uploaded picture"
    assert from_disk.scale == 1
    assert from_disk.rgba.shape == (64, 96, 4)
    assert from_disk.rgba.dtype == np.uint8
    assert np.array_equal(from_disk.rgba, from_peer.rgba)
    assert np.abs(from_disk.rgba[32, 10].astype(int) - (*RED, 255)).max() <= 6


def test_load_picture_applies_exif_orientation() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise
    rgba = load_picture(encode(two_halves(), "JPEG", quality=95, exif=exif)).rgba
    assert rgba.shape == (96, 64, 4)
    assert rgba[10, 32, 0] > 150 > rgba[85, 32, 0]  # the left side is now the top


def test_load_picture_ignores_broken_exif() -> None:
    assert load_picture(encode(two_halves(), "JPEG", exif=b"Exif\x00\x00rubbish!")).rgba.shape == (64, 96, 4)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_load_picture_keeps_alpha(form: str) -> None:
    image = two_halves().convert("RGBA")
    alpha = np.full((64, 96), 255, np.uint8)
    alpha[:32] = 0
    alpha[32:40] = 128
    image.putalpha(Pillow.fromarray(alpha))
    options = {"lossless": True} if form == "WEBP" else {}
    assert np.array_equal(load_picture(encode(image, form, **options)).rgba[..., 3], alpha)


def test_load_picture_keeps_a_transparent_palette_entry() -> None:
    image = two_halves().quantize(4)
    clear = image.getpixel((0, 0))
    rgba = load_picture(encode(image, transparency=clear)).rgba
    assert rgba[0, 0, 3] == 0
    assert rgba[0, 90].tolist() == [20, 30, 200, 255]


def test_load_picture_keeps_one_transparent_colour() -> None:
    rgba = load_picture(encode(two_halves(), transparency=RED)).rgba
    assert rgba[0, 0, 3] == 0
    assert rgba[0, 90, 3] == 255


def test_load_picture_scales_16_bit_grey() -> None:
    ramp = np.linspace(0, 65535, 96, dtype=np.uint16)
    rgba = load_picture(encode(Pillow.fromarray(np.tile(ramp, (64, 1))))).rgba
    assert np.array_equal(rgba[0, :, 0], (ramp >> 8).astype(np.uint8))
    assert (rgba[..., 3] == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "CMYK"])
def test_load_picture_converts_other_colour_modes(mode: str) -> None:
    form = "JPEG" if mode == "CMYK" else "PNG"
    rgba = load_picture(encode(two_halves().convert(mode), form)).rgba
    assert rgba.shape == (64, 96, 4)
    assert (rgba[..., 3] == 255).all()
    if mode == "CMYK":
        assert rgba[32, 10, 0] > 150 > rgba[32, 85, 0]


def test_load_picture_converts_an_embedded_profile_to_srgb() -> None:
    linear = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()  # not an RGB space, hence ignored
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = load_picture(encode(two_halves())).rgba
    for profile in (linear, srgb, b"no profile at all"):
        assert np.abs(load_picture(encode(two_halves(), icc_profile=profile)).rgba.astype(int) - plain).max() <= 1
    wide = load_picture(encode(two_halves(), icc_profile=_swapped_primaries(srgb))).rgba
    assert wide[0, 10, 2] > 150 > wide[0, 10, 0]  # its "red" is our blue
    image = two_halves().convert("RGBA")
    image.putalpha(77)
    assert (load_picture(encode(image, icc_profile=srgb)).rgba[..., 3] == 77).all()


def _swapped_primaries(profile: bytes) -> bytes:
    """The sRGB profile with the tags of its red and blue primaries exchanged."""
    return profile.replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_load_picture_scales_large_pictures_down_in_proportion(form: str) -> None:
    picture = load_picture(encode(two_halves(6000, 1500), form))
    rgba = picture.rgba
    assert max(rgba.shape[:2]) <= MAX_SIDE
    assert picture.scale == rgba.shape[1] / 6000
    assert rgba.shape[1] / rgba.shape[0] == pytest.approx(4, rel=0.01)
    assert rgba.shape[1] >= MAX_SIDE // 2
    assert rgba[10, 10, 0] > 150 > rgba[10, -10, 0]


@pytest.mark.parametrize(("width", "height", "left"), [(64, 9000, "15 x 2048"), (600_000, 64, "2048 x 0")])
def test_load_picture_refuses_what_is_too_narrow_after_scaling(width: int, height: int, left: str) -> None:
    with pytest.raises(PictureError) as caught:
        load_picture(png_header(width, height))
    assert str(caught.value) == (
        f"The uploaded picture has {width} x {height} pixels, of which only {left} are left when it is scaled: "
        "cut it to the character."
    )


@pytest.mark.parametrize(
    ("form", "mode", "side", "limit"),
    [("PNG", "RGB", 6600, 42), ("PNG", "RGBA", 5100, 25), ("PNG", "P", 4900, 23), ("WEBP", "RGB", 3900, 15),
     ("JPEG", "CMYK", 5700, 27), ("GIF", "P", 4900, 23), ("TIFF", "RGBA", 4400, 18),
     ("TIFF", "F", 3600, 11)],
)  # fmt: skip
def test_load_picture_limits_pixels_by_what_decoding_them_costs(form: str, mode: str, side: int, limit: int) -> None:
    image = Pillow.new(mode, (side, side))
    options = {"WEBP": {"lossless": True, "method": 0}, "TIFF": {"compression": "tiff_deflate"}}.get(form, {})
    with pytest.raises(PictureError) as caught:
        load_picture(encode(image, form, **options))
    assert str(caught.value) == f"The uploaded picture has more than {limit} million pixels: scale it down."


def test_load_picture_takes_the_photos_of_phones() -> None:
    header = open_picture(encode(Pillow.new("RGB", (640, 480)), "JPEG", quality=90))
    header._size = (8192, 6144)
    assert 50e6 * decode_bytes(header, MAX_SIDE) < module.MAX_DECODE_BYTES  # 50 megapixels, 4:2:0


def test_load_picture_takes_the_first_picture_of_an_mpo_file() -> None:
    data = encode(two_halves(), "MPO", save_all=True, append_images=[two_halves(64, 64)])
    assert load_picture(data).rgba.shape == (64, 96, 4)


def _frames(form: str) -> bytes:
    return encode(two_halves(), form, save_all=True, append_images=[noise()])


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF", "AVIF"])
def test_first_frame_of_an_animation_is_used_and_said(form: str) -> None:
    picture = load_picture(_frames(form), "cat.anim")
    assert picture.notes == ("cat.anim is animated: its first frame is used.",)
    assert picture.rgba[32, 10, 0] > 150 > picture.rgba[32, 85, 0]


def test_first_page_of_a_scan_is_used_and_said() -> None:
    picture = load_picture(_frames("TIFF"), "scan.tiff")
    assert picture.notes == ("scan.tiff has several pages: the first one is used.",)
    assert picture.rgba[32, 10].tolist() == [*RED, 255]


@pytest.mark.parametrize("tile", [None, 64])
def test_heic_is_turned_as_the_phone_was_held(tile: int | None) -> None:
    rgba = load_picture(heic(np.asarray(two_halves()), tile, turn=3)).rgba
    assert rgba.shape == (96, 64, 4)
    assert rgba[10, 32, 0] > 150 > rgba[85, 32, 0]


@pytest.mark.parametrize("white", [1, 255, 60_000])
def test_grey_of_floats_is_scaled_by_its_range(white: int) -> None:
    ramp = np.tile(np.linspace(0, white, 96, dtype=np.float32), (64, 1))
    rgba = load_picture(encode(Pillow.fromarray(ramp), "TIFF")).rgba
    assert rgba[0, 0, 0] == 0 and rgba[0, -1, 0] > 230
    assert (np.diff(rgba[0, :, 0].astype(int)) >= 0).all()


def test_names_of_uploads_are_kept_in_messages() -> None:
    with pytest.raises(PictureError) as caught:
        load_picture(_half("PNG"), "cat.png")
    assert str(caught.value) == "cat.png is damaged or cut short: save or download it again."
    assert load_picture(encode(two_halves()), "cat.png").name == "cat.png"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_load_detail_gives_the_pixels_that_scaling_took_away(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = load_picture(encode(two_halves(3000, 2000), form))
    detail = load_detail(picture)
    assert picture.scale < 1 and detail.scale == 1 and detail.rgba.shape == (2000, 3000, 4)
    assert load_detail(picture.turned(1)).rgba.shape == (3000, 2000, 4)
    monkeypatch.setattr(module, "MAX_DETAIL_PIXELS", 1_000_000)
    bounded = load_detail(picture).rgba
    assert bounded.shape[0] * bounded.shape[1] <= 1_000_000
    assert bounded[10, 10, 0] > 150 > bounded[10, -10, 0]


def _half(form: str, **options: object) -> bytes:
    data = encode(noise(), form, **options)
    return data[: len(data) // 2]


DAMAGED = "The uploaded picture is damaged or cut short: save or download it again."
NOT_IMAGE = f"The uploaded picture is not a {PICTURE_FORMATS} image: convert it to one of these."
BOMB = "The uploaded picture has more than 80 million pixels: scale it down."


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The uploaded picture is empty (0 bytes): save it again."),
        (b"hello, I am a text", NOT_IMAGE),
        (encode(two_halves(), "PPM"), NOT_IMAGE),
        (b"BM, as texts may begin, too", DAMAGED),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", NOT_IMAGE),
        (_half("PNG"), DAMAGED),
        (_half("JPEG"), DAMAGED),
        (_half("WEBP"), DAMAGED),
        (_half("AVIF"), DAMAGED),
        (_half("HEIF"), DAMAGED),
        (_half("HEIF", tile=64), DAMAGED),
        (_half("GIF"), DAMAGED),
        (_half("BMP"), DAMAGED),
        (_half("TIFF"), DAMAGED),
        (_half("TIFF", compression="tiff_lzw"), DAMAGED),
        (encode(two_halves(), "HEIF")[:-1], DAMAGED),
        (b"\x89PNG\r\n\x1a\n", DAMAGED),
        (png_header(100, 100), DAMAGED),
        (png_header(9000, 9000), BOMB.replace("80", "42")),  # what a PNG without alpha costs to decode
        (png_header(12_000, 12_000), BOMB),  # here Pillow warns
        (png_header(60_000, 60_000), BOMB),  # here Pillow refuses
        (
            encode(two_halves(63, 200)),
            "The uploaded picture has only 63 x 200 pixels: use one of at least 64 x 64.",
        ),
        (
            encode(Pillow.new("RGBA", (80, 80))),
            "The uploaded picture is transparent everywhere: use one that shows a character.",
        ),
    ],
)
def test_load_picture_refuses_bad_uploads_in_one_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(PictureError) as caught:
        load_picture(data)
    assert str(caught.value) == sentence


def test_load_picture_refuses_a_decompression_bomb_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(module, "_to_rgba", explode)
    with pytest.raises(PictureError):
        load_picture(png_header(9000, 9000))


def test_load_picture_refuses_files_over_the_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 2**20)
    path = tmp_path / "heavy.png"
    path.write_bytes(bytes(2**20 + 1))
    with pytest.raises(PictureError) as caught:
        load_picture(path)
    assert str(caught.value) == f"The picture {path} is larger than 1 MB: save it smaller."


def test_load_picture_refuses_bad_paths_in_one_sentence(tmp_path: Path) -> None:
    missing, loop, long = tmp_path / "none.png", tmp_path / "loop.png", tmp_path / ("x" * 300)
    loop.symlink_to(loop)
    broken = tmp_path / "broken.png"
    broken.write_bytes(_half("PNG"))
    sentences = {
        missing: f"There is no picture at {missing}: check the path.",
        broken / "deeper.png": f"There is no picture at {broken / 'deeper.png'}: check the path.",
        tmp_path: f"{tmp_path} is a directory: give the path of a {PICTURE_FORMATS} picture.",
        Path("/dev/zero"): f"/dev/zero is not a regular file: give the path of a {PICTURE_FORMATS} picture.",
        loop: f"The picture {loop} cannot be read (Too many levels of symbolic links): "
        "check the path and its permissions.",
        long: f"The picture {long} cannot be read (File name too long): check the path and its permissions.",
        Path("a\0b"): "The picture a\0b cannot be read (embedded null byte): check the path and its permissions.",
        broken: f"The picture {broken} is damaged or cut short: save or download it again.",
    }
    for path, sentence in sentences.items():
        with pytest.raises(PictureError) as caught:
            load_picture(path)
        assert str(caught.value) == sentence


def test_load_picture_refuses_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "private.png"
    path.write_bytes(encode(two_halves()))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # chmod does not stop root, under which CI runs
    with pytest.raises(PictureError) as caught:
        load_picture(path)
    assert str(caught.value) == (
        f"The picture {path} cannot be read (Permission denied): check the path and its permissions."
    )
