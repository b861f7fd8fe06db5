"""Warp and composite at full resolution: the formula, and each backend against the reference."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch

from kernels.backend import choose
from kernels.warp import Maps, odds, warp_composite
from kernels.warp.reference import warp
from models.geometry.picture_layers import double_resolution
from tests.kernels.triton_process import devices

SIZE = 33
ROUNDED = {"reference": 1e-5, "numba": 1e-4}  # on a CPU textures are sampled in 16 bits
CHART_SIZE = 21
cpu_backends = pytest.mark.parametrize("backend", ["reference", "numba"])


@pytest.fixture
def layer() -> torch.Tensor:
    torch.manual_seed(1)
    alpha = torch.rand(2, 1, SIZE, SIZE)
    return torch.cat([torch.rand(2, 3, SIZE, SIZE) * alpha, alpha], 1)


def zero_flow() -> torch.Tensor:
    return torch.zeros(2, 2, SIZE, SIZE)


def keep_all(flow: torch.Tensor) -> Maps:
    """Maps that move the person and paint nothing."""
    batch = len(flow)
    return Maps(flow, torch.ones(batch, 1, 1, 1), torch.zeros(batch, 3, 1, 1))


def test_doubled_resolution_keeps_pixels_and_linear_ramps() -> None:
    ramp = torch.arange(SIZE, dtype=torch.float32).expand(1, 1, SIZE, SIZE)
    doubled = double_resolution(ramp)
    assert torch.equal(doubled[..., ::2, ::2], ramp)
    inside = doubled[0, 0, 10, 6:-6]
    assert torch.allclose(inside.diff(), torch.full_like(inside[1:], 0.5), atol=1e-4)


def test_zero_flow_returns_the_layer(layer: torch.Tensor) -> None:
    assert torch.allclose(warp(double_resolution(layer), zero_flow()), layer, atol=ROUNDED["reference"])


@pytest.mark.parametrize("pixels", [1, 5])
def test_flow_is_a_backward_displacement_in_canvas_units(layer: torch.Tensor, pixels: int) -> None:
    flow = zero_flow()
    flow[:, 0] = 2 * pixels / SIZE
    moved = warp(double_resolution(layer), flow)
    assert torch.allclose(moved[..., : SIZE - pixels], layer[..., pixels:], atol=ROUNDED["reference"])


@cpu_backends
def test_person_over_background(layer: torch.Tensor, backend: str) -> None:
    background = torch.rand(2, 3, SIZE, SIZE)
    picture = warp_composite(double_resolution(layer), keep_all(zero_flow()), background, backend=backend)
    expected = layer[:, :3] + (1 - layer[:, 3:]) * background
    assert torch.allclose(picture[:, :3], expected, atol=ROUNDED[backend])
    assert torch.allclose(picture[:, 3:], layer[:, 3:], atol=ROUNDED[backend])


@cpu_backends
def test_paint_replaces_the_moved_colour_and_keeps_alpha(layer: torch.Tensor, backend: str) -> None:
    background, paint = torch.rand(2, 3, SIZE, SIZE), torch.rand(2, 3, SIZE, SIZE)
    maps = Maps(zero_flow(), torch.zeros(2, 1, SIZE, SIZE), paint)
    picture = warp_composite(double_resolution(layer), maps, background, backend=backend)
    alpha = layer[:, 3:]
    assert torch.allclose(picture[:, :3], alpha * paint + (1 - alpha) * background, atol=ROUNDED[backend])


@cpu_backends
def test_missing_areas_are_dark_under_the_paint(layer: torch.Tensor, backend: str) -> None:
    background, paint, dark = torch.rand(2, 3, SIZE, SIZE), torch.rand(2, 3, 1, 1), torch.rand(2, 3)
    keep, missing = torch.full((2, 1, 1, 1), 0.75), torch.zeros(2, 1, SIZE, SIZE)
    missing[..., :9] = 1
    maps = Maps(zero_flow(), keep, paint, None, missing, dark)
    picture = warp_composite(double_resolution(layer), maps, background, backend=backend)
    alpha = layer[:, 3:]
    shown = torch.where(missing > 0, alpha * dark[:, :, None, None], layer[:, :3])
    expected = 0.75 * shown + 0.25 * alpha * paint + (1 - alpha) * background
    assert torch.allclose(picture[:, :3], expected, atol=ROUNDED[backend])
    assert torch.allclose(picture[:, 3:], alpha, atol=ROUNDED[backend])


@cpu_backends
def test_alpha_follows_the_odds(layer: torch.Tensor, backend: str) -> None:
    background = torch.rand(2, 3, SIZE, SIZE)
    logit = torch.full((2, 1, 4, 4), -1.5)
    less = warp_composite(
        double_resolution(layer), keep_all(zero_flow())._replace(odds=odds(logit)), background, backend=backend
    )
    firm = layer[:, 3:].clamp(1e-3, 1 - 1e-3)
    assert torch.allclose(less[:, 3:], torch.sigmoid(torch.logit(firm) - 1.5), atol=2e-3)
    same = warp_composite(
        double_resolution(layer), keep_all(zero_flow())._replace(odds=odds(0 * logit)), background, backend=backend
    )
    assert torch.allclose(
        same, warp_composite(double_resolution(layer), keep_all(zero_flow()), background), atol=ROUNDED["numba"]
    )


@cpu_backends
def test_trim_drops_colours_without_alpha(backend: str) -> None:
    ghost = torch.full((1, 4, SIZE, SIZE), 0.2)
    ghost[:, 3] = 0
    black = torch.zeros(1, 3, SIZE, SIZE)
    maps = keep_all(zero_flow()[:1])
    assert warp_composite(double_resolution(ghost), maps, black, backend=backend)[:, :3].min() > 0.19
    assert warp_composite(double_resolution(ghost), maps, black, trim=True, backend=backend)[:, :3].max() == 0


def ramp_over_black() -> tuple[torch.Tensor, torch.Tensor]:
    """An opaque layer whose colours are a linear ramp to the right, and a black background."""
    ramp = torch.linspace(0, 0.5, SIZE).expand(1, 4, SIZE, SIZE).contiguous()
    ramp[:, 3] = 1
    return ramp, torch.zeros(1, 3, SIZE, SIZE)


@cpu_backends
def test_the_outline_of_the_front_is_as_sharp_as_the_pixels(backend: str) -> None:
    ramp, black = ramp_over_black()
    front_flow, coverage = torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 4, 4)
    front_flow[:, 0], coverage[..., :2] = 8 / SIZE, 1  # the left half moves by four pixels
    maps = keep_all(zero_flow()[:1])._replace(front_flow=front_flow, front_coverage=coverage)
    picture = warp_composite(double_resolution(ramp), maps, black, backend=backend)[0, 0, SIZE // 2]
    middle, step = SIZE // 2, 0.5 / (SIZE - 1)
    expected = ramp[0, 0, 0] + 4 * step * (torch.arange(SIZE) < middle)
    assert torch.allclose(picture[5 : middle - 1], expected[5 : middle - 1], atol=ROUNDED[backend])
    assert torch.allclose(picture[middle + 2 : -5], expected[middle + 2 : -5], atol=ROUNDED[backend])
    assert expected[middle + 1] < picture[middle] < expected[middle - 1]


@cpu_backends
def test_the_box_flow_holds_inside_and_the_canvas_flow_outside(backend: str) -> None:
    ramp, black = ramp_over_black()
    left, right = torch.zeros(1, 2, 8, 8), torch.zeros(1, 2, 5, 5)
    left[:, 0], right[:, 0] = -4 / SIZE, 4 / SIZE
    box = torch.tensor([[0.0, 0.0, 0.5]])
    picture = warp_composite(double_resolution(ramp), keep_all(right), black, left, box, backend=backend)
    step = 0.5 / (SIZE - 1)
    centre, edge = SIZE // 2, 5
    assert picture[0, 0, centre, centre] == pytest.approx(float(ramp[0, 0, 0, centre]) + 2 * step, abs=1e-5)
    assert picture[0, 0, centre, edge] == pytest.approx(float(ramp[0, 0, 0, edge]) - 2 * step, abs=1e-5)


@cpu_backends
def test_a_box_over_the_whole_canvas_does_not_fade(layer: torch.Tensor, backend: str) -> None:
    background, canvas_flow = torch.rand(2, 3, SIZE, SIZE), torch.rand(2, 2, 3, 3)
    maps = Maps(zero_flow() + 0.05, torch.rand(2, 1, 6, 6), torch.rand(2, 3, 6, 6))
    box = torch.tensor([[0.0, 0.0, 1.0]] * 2)
    boxed = warp_composite(double_resolution(layer), maps, background, canvas_flow, box, backend=backend)
    assert torch.allclose(
        boxed, warp_composite(double_resolution(layer), maps, background, backend=backend), atol=ROUNDED[backend]
    )


class Case(NamedTuple):
    """What `warp_composite` takes, except `trim`."""

    layer: torch.Tensor
    maps: Maps
    background: torch.Tensor
    canvas_flow: torch.Tensor | None
    box: torch.Tensor | None
    front_layer: torch.Tensor | None
    chart: torch.Tensor | None
    middle: torch.Tensor | None = None

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Case":
        """The same with every tensor changed."""
        layer, _, *rest = (change(part) if isinstance(part, torch.Tensor) else part for part in self)
        return Case(layer, Maps(*(part if part is None else change(part) for part in self.maps)), *rest)

    def draw(self, trim: bool, backend: str) -> torch.Tensor:
        return warp_composite(*self[:5], trim, self.front_layer, self.chart, self.middle, backend)


def case(size: int, boxed: bool, front: str, has_middle: bool = False) -> Case:
    """Two pictures of noise. front: "none", with one factor of the odds for each picture; "layer", moved by a flow of
    its own; "chart", from a layer of its own, with positions beyond the chart's border, too, and a share that is 0
    left, 1 right.
    """
    random = torch.Generator().manual_seed(3)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(2, *shape, generator=random)

    alpha = torch.rand(2, 1, size, size, generator=random)
    layer = double_resolution(torch.cat([noise(3, size, size).sigmoid() * alpha, alpha], 1))
    factor = odds(noise(1, 1, 1) if front == "none" else noise(1, 9, 9))
    maps = Maps(
        noise(2, 7, 7) * 0.1, noise(1, 12, 12).sigmoid(), noise(3, 12, 12).sigmoid(), factor, noise(1, 7, 7).sigmoid(),
        noise(3).sigmoid(),
    )  # fmt: skip
    if front != "none":
        maps = maps._replace(front_flow=noise(2, 5, 5) * 0.1, front_coverage=noise(1, 6, 6).sigmoid())
    front_layer = chart = None
    if front == "chart":
        front_layer = double_resolution(noise(4, size, size).sigmoid())
        share = (torch.linspace(-1, 2, 8).expand(2, 1, 8, 8) + noise(1, 8, 8) * 0.3).clamp(0, 1)
        maps = maps._replace(chart_position=noise(2, 10, 10) * 0.7, chart_share=share)
        chart = noise(4, CHART_SIZE, CHART_SIZE).sigmoid()
    background = noise(3, size, size).sigmoid()
    box = torch.tensor([[0.2, -0.3, 0.5], [0.1, 0, 0.9]]) if boxed else None
    canvas_flow = noise(2, 4, 4) * 0.1 if boxed else None
    middle_alpha = noise(1, size, size).sigmoid()
    middle = torch.cat([noise(3, size, size).sigmoid() * middle_alpha, middle_alpha], 1) if has_middle else None
    return Case(layer, maps, background, canvas_flow, box, front_layer, chart, middle)


cases = pytest.mark.parametrize(
    ("boxed", "trim", "front"),
    [
        (False, False, "layer"),
        (False, True, "none"),
        (True, False, "none"),
        (True, True, "layer"),
        (False, False, "chart"),
        (True, True, "chart"),
    ],
)


@pytest.mark.parametrize("has_middle", [False, True])
@cases
def test_numba_equals_the_reference(boxed: bool, trim: bool, front: str, has_middle: bool) -> None:
    drawn = case(SIZE, boxed, front, has_middle)
    assert torch.allclose(drawn.draw(trim, "numba"), drawn.draw(trim, "reference"), atol=2e-4)


@devices
@pytest.mark.parametrize("size", [16, SIZE])
@pytest.mark.parametrize(("channels_last", "has_middle"), [(False, False), (True, False), (True, True)])
@cases
def test_triton_equals_the_reference(
    boxed: bool, trim: bool, front: str, size: int, channels_last: bool, has_middle: bool, device: str
) -> None:
    drawn = case(size, boxed, front, has_middle).map(lambda part: part.to(device))
    order = torch.channels_last if channels_last else torch.contiguous_format
    textures = {name: part for name in ("layer", "front_layer", "chart") if (part := getattr(drawn, name)) is not None}
    drawn = drawn._replace(**{name: part.contiguous(memory_format=order) for name, part in textures.items()})
    chosen = choose("triton", drawn.layer, backends=("numba", "triton"))
    got, expected = drawn.draw(trim, "triton"), drawn.map(torch.Tensor.double).draw(trim, "reference")
    error = float((got - expected).norm() / expected.norm())
    assert chosen == "triton" and error < 2e-5, error


def chart_over_ramp(share: float) -> Case:
    """An opaque ramp that stands still, behind a front that is everywhere and the right half of which has this share of
    the chart. The chart is blue to the right and green downwards, and lies straight over the canvas.
    """
    ramp, black = ramp_over_black()
    line = torch.arange(CHART_SIZE) / (CHART_SIZE - 1)
    zeros = torch.zeros(1, CHART_SIZE, CHART_SIZE)
    chart = torch.stack([zeros, line[:, None] + zeros, line + zeros, zeros + 1], 1)
    shares = torch.zeros(1, 1, SIZE, SIZE)
    shares[..., SIZE // 2 :] = share
    line = (torch.arange(SIZE) * 2 + 1) / SIZE - 1
    position = torch.stack(torch.meshgrid(line, line, indexing="xy"))[None]
    flow, coverage = zero_flow()[:1], torch.ones(1, 1, SIZE, SIZE)
    maps = keep_all(flow)._replace(
        front_flow=flow, front_coverage=coverage, chart_position=position, chart_share=shares
    )
    return Case(double_resolution(ramp), maps, black, None, None, None, chart)


@cpu_backends
@pytest.mark.parametrize("share", [0, 0.25, 1])
def test_the_front_takes_its_share_from_the_chart(share: float, backend: str) -> None:
    drawn = chart_over_ramp(share)
    picture = drawn.draw(False, backend)
    texel = ((torch.arange(SIZE) + 0.5) * CHART_SIZE / SIZE - 0.5).clamp(0, CHART_SIZE - 1) / (CHART_SIZE - 1)
    zeros = torch.zeros(SIZE, SIZE)
    on_chart = torch.stack([zeros, texel[:, None] + zeros, texel + zeros, zeros + 1])[None]
    expected = torch.lerp(drawn.layer[..., ::2, ::2], on_chart, drawn.maps.chart_share)
    assert torch.allclose(picture, expected, atol=ROUNDED[backend])


def with_middle_rows(drawn: Case, colour: list[float]) -> Case:
    """The same with a middle of one premultiplied colour in the upper half of the pictures."""
    middle = torch.zeros(len(drawn.background), 4, SIZE, SIZE)
    middle[:, :, : SIZE // 2] = torch.tensor(colour)[:, None, None]
    return drawn._replace(middle=middle)


@cpu_backends
@pytest.mark.parametrize("front", ["none", "layer", "chart"])
def test_a_transparent_middle_changes_no_bit(front: str, backend: str) -> None:
    drawn = case(SIZE, True, front)
    transparent = with_middle_rows(drawn, [0, 0, 0, 0])
    assert torch.equal(transparent.draw(False, backend), drawn.draw(False, backend))


@cpu_backends
def test_the_middle_lies_over_the_layer_and_under_the_front(backend: str) -> None:
    ramp, black = ramp_over_black()
    white = torch.ones(1, 4, SIZE, SIZE)
    coverage = torch.zeros(1, 1, SIZE, SIZE)
    coverage[..., : SIZE // 4], coverage[..., SIZE // 4 : SIZE // 2] = 1, 0.5
    flow = zero_flow()[:1]
    maps = keep_all(flow)._replace(front_flow=flow, front_coverage=coverage)
    drawn = Case(double_resolution(ramp), maps, black, None, None, double_resolution(white), None)
    colour = [0.1, 0.2, 0.3, 0.4]
    picture = with_middle_rows(drawn, colour).draw(False, backend)
    over = torch.tensor(colour)[:, None, None] + 0.6 * ramp
    behind = torch.cat([over[:, :, : SIZE // 2], ramp[:, :, SIZE // 2 :]], 2)
    assert torch.allclose(picture, coverage + (1 - coverage) * behind, atol=ROUNDED[backend])


@cpu_backends
def test_without_a_front_the_middle_lies_over_the_layer(layer: torch.Tensor, backend: str) -> None:
    drawn = Case(double_resolution(layer), keep_all(zero_flow()), torch.zeros(2, 3, SIZE, SIZE), None, None, None, None)
    picture = with_middle_rows(drawn, [0, 0, 0, 1]).draw(False, backend)
    assert picture[:, :3, : SIZE // 2].max() < 1e-6 and picture[:, 3, : SIZE // 2].min() == 1
    assert torch.allclose(picture[:, :, SIZE // 2 :], layer[:, :, SIZE // 2 :], atol=ROUNDED[backend])


def test_gradients_reach_the_textures_the_positions_and_the_flows() -> None:
    drawn = case(SIZE, True, "chart", has_middle=True).map(lambda part: part.requires_grad_())
    drawn.draw(False, "auto").square().sum().backward()
    for part in (drawn.layer, drawn.front_layer, drawn.chart, drawn.middle, *drawn.maps):
        assert part is not None and part.grad is not None and part.grad.isfinite().all() and part.grad.any()


@cpu_backends
def test_nothing_is_read_out_of_bounds_for_nan(layer: torch.Tensor, backend: str) -> None:
    drawn = case(SIZE, False, "chart")
    nowhere = {name: getattr(drawn.maps, name) * torch.nan for name in ("flow", "front_flow", "chart_position")}
    for maps in (drawn.maps._replace(chart_position=nowhere["chart_position"]), drawn.maps._replace(**nowhere)):
        assert drawn._replace(maps=maps).draw(False, backend).shape == (2, 4, SIZE, SIZE)
    coverage = drawn.maps.front_coverage
    assert coverage is not None
    some = coverage.clone()
    some[:, :, ::3, ::2] = torch.nan
    maps = drawn.maps._replace(front_coverage=some)
    assert drawn._replace(maps=maps).draw(False, backend).shape == (2, 4, SIZE, SIZE)


def test_warp_composite_refuses_sizes_and_backends_that_do_not_fit(layer: torch.Tensor) -> None:
    background = torch.rand(2, 3, SIZE, SIZE)
    with pytest.raises(ValueError, match="wants a layer of side 65, got 33"):
        warp_composite(layer, keep_all(zero_flow()), background)
    with pytest.raises(ValueError, match="backend must be one of"):
        warp_composite(double_resolution(layer), keep_all(zero_flow()), background, backend="fast")
    with pytest.raises(ValueError, match="what is missing and how dark it is come together"):
        warp_composite(double_resolution(layer), keep_all(zero_flow())._replace(dark=torch.zeros(2, 3)), background)
    with pytest.raises(ValueError, match="what stands in front and how much of a cell it takes come together"):
        warp_composite(double_resolution(layer), keep_all(zero_flow())._replace(front_flow=zero_flow()), background)
    with pytest.raises(ValueError, match="a box and the flow beyond it come together"):
        warp_composite(double_resolution(layer), keep_all(zero_flow()), background, box=torch.tensor([[0.0, 0.0, 0.5]]))
    charted = case(SIZE, False, "chart")
    with pytest.raises(ValueError, match=r"a middle for 2 pictures of side 33, got \(1, 4, 33, 33\)"):
        charted._replace(middle=torch.zeros(1, 4, SIZE, SIZE)).draw(False, "auto")
    with pytest.raises(ValueError, match="both layers want one shape"):
        charted._replace(front_layer=charted.layer[..., 1:]).draw(False, "auto")
    for part in ("chart_position", "chart_share", "front_flow"):
        maps = charted.maps._replace(**{part: None, **({"front_coverage": None} if part == "front_flow" else {})})
        with pytest.raises(ValueError, match="a chart, the positions and the share on it, and what stands in front"):
            charted._replace(maps=maps).draw(False, "auto")
    with pytest.raises(ValueError, match="a chart, the positions and the share on it, and what stands in front"):
        charted._replace(chart=None).draw(False, "auto")
    with pytest.raises(ValueError, match="a chart must be square and at least 2 texels wide"):
        charted._replace(chart=torch.zeros(2, 4, 5, 7)).draw(False, "auto")
