"""The page draws stacked frames with their alpha, with WebGL and pixel by pixel; both composite to the same picture."""

from __future__ import annotations

import pytest

from tests.browser.conftest import OpenPage
from tests.browser.kagami import KagamiServer

# Draws a stacked frame of 4-pixel bands, each with a premultiplied colour and an alpha of 0..255, by one painter, then
# composites the result over a background; returns the [r, g, b] in the middle of each band, or null without WebGL.
_COMPOSITE = """
async ([painter, bands, background]) => {
  const { StackedVideo } = await import('/stacked_video.js');
  const getContext = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, options) {
    if (kind === 'webgl' && painter !== 'webgl') return null;
    return getContext.call(this, kind, { ...options, failIfMajorPerformanceCaveat: false });
  };
  const canvas = () => Object.assign(document.createElement('canvas'), { width: 4 * bands.length, height: 8 });
  const video = canvas();
  const frame = video.getContext('2d');
  bands.forEach(([colour, alpha], band) => {
    frame.fillStyle = `rgb(${colour})`;
    frame.fillRect(4 * band, 0, 4, 4);
    frame.fillStyle = `rgb(${[alpha, alpha, alpha]})`;
    frame.fillRect(4 * band, 4, 4, 4);
  });
  const drawn = canvas();
  if (painter === 'webgl' && document.createElement('canvas').getContext('webgl') === null) return null;
  new StackedVideo(Object.assign(video, { videoWidth: video.width, videoHeight: video.height }), drawn).draw();
  HTMLCanvasElement.prototype.getContext = getContext;
  const shown = canvas().getContext('2d');
  shown.fillStyle = `rgb(${background})`;
  shown.fillRect(0, 0, 4 * bands.length, 8);
  shown.drawImage(drawn, 0, 0);
  return bands.map((_, band) => [...shown.getImageData(4 * band + 2, 2, 1, 1).data].slice(0, 3));
}
"""
_OPAQUE = ((200, 100, 50), 255)
_SOFT_EDGE = ((100, 50, 25), 128)  # the same colour, half of it
_TOO_BRIGHT = ((140, 60, 20), 128)  # lossy coding lifted red above alpha, the most that a premultiplied colour can be
_FAINT = ((25, 13, 6), 32)  # the same colour again, an eighth of it; its alpha is shown as 26 after the levels
_EMPTY = ((6, 0, 3), 4)  # lossy coding left traces of colour and alpha where there is none


@pytest.mark.parametrize("painter", ["webgl", "pixels"])
def test_stacked_video_composites_premultiplied_colours(open_page: OpenPage, stub: KagamiServer, painter: str) -> None:
    page = open_page(stub.url)
    bands = [_OPAQUE, _SOFT_EDGE, _TOO_BRIGHT, _FAINT, _EMPTY]
    for background, expected in (
        # Over white a background of 255 · (255 − 128) / 255 = 127 is added to the colour at the soft edge.
        ((255, 255, 255), [(200, 100, 50), (227, 177, 152), (255, 187, 147), (249, 240, 234), (255, 255, 255)]),
        ((0, 0, 0), [(200, 100, 50), (100, 50, 25), (128, 60, 20), (20, 11, 5), (0, 0, 0)]),
        ((0, 255, 0), [(200, 100, 50), (100, 177, 25), (128, 187, 20), (20, 240, 5), (0, 255, 0)]),
    ):
        shown = page.evaluate(_COMPOSITE, [painter, bands, background])
        if shown is None:
            pytest.skip("this Chromium has no WebGL")
        for colour, wanted in zip(shown, expected, strict=True):
            assert colour == pytest.approx(wanted, abs=2), f"over {background}"
