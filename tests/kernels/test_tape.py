"""Functions that run as recorded programs give what torch gives."""

import subprocess
import sys
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from kernels.tape.arena import Span, place_spans
from kernels.tape.opaque import recorded_whole
from kernels.tape.tape import NotRecordable, Tape

Function = Callable[[Tensor, Tensor], Tensor]
ROWS = torch.tensor([3, 0, 3, 5])
TALL = torch.arange(300.0).view(50, 6).sin()


def views(a: Tensor, b: Tensor) -> Tensor:
    """Slices, other axes and broadcasting are read in place."""
    return (a[:, 1:, ::2].mT - b[:, :2, None].amax(-1)) * a.flip(1)[:, 1:, ::2].mT[..., :1]


def written(a: Tensor, b: Tensor) -> Tensor:
    """Writing into parts of what depends on the inputs, and of what does not."""
    out, constant = a + 1, torch.full((6, 4), 7.0)
    out[:, 2:4] = b[:, 2:4]
    constant[1:3] = a[0, :2]
    return (out + constant).add_(1)


def reduced(a: Tensor, b: Tensor) -> Tensor:
    parts = [a.sum(1), a.mean((1, 2)), b.amax(-1), b.amin(1), a.norm(dim=-1), (a > 0).all(-1).float()]
    return torch.cat([part.flatten() for part in (*parts, (b > 1).any(1).float(), (a > b).sum(1).float())])


def joined(a: Tensor, b: Tensor) -> Tensor:
    made = torch.stack([torch.cat([a, b], 1), torch.cat([b, a], 1).roll(2, 1)], -1)
    return F.pad(made, (1, 0, 0, 2), value=3.0).repeat(1, 2, 1, 1)


def curved(a: Tensor, b: Tensor) -> Tensor:
    angles = torch.atan2(a, b) + torch.hypot(a, b).log().tanh() + a.sin() * b.cos() + (a.abs() + 0.1) ** 1.5
    return angles + (a / b.abs().clamp_min(0.1)).round() + a.clamp(-0.5, 0.5).exp() + a.sign() * b.copysign(a)


def not_finite(a: Tensor, b: Tensor) -> Tensor:
    """NaN and infinities go the way that they go in torch."""
    bad = torch.where(a > 0.5, a / 0, torch.where(b > 0.5, a * float("nan"), a))
    return torch.stack([
        bad.nan_to_num(0, 0, 0), bad.nan_to_num(0), bad.isfinite().float(), torch.maximum(bad, b), bad.clamp(-1, 1),
        bad.clamp_min(0.2), torch.minimum(b, bad), bad.amax(-1, keepdim=True).expand_as(bad),
    ])  # fmt: skip


def chosen(a: Tensor, b: Tensor) -> Tensor:
    copied = a.index_copy(1, ROWS[1:], b[:, :3])
    return torch.cat([a.index_select(1, ROWS), copied, b[:, ROWS], torch.where(a > b, a, b), torch.lerp(a, b, a)], 1)


def products(a: Tensor, b: Tensor) -> Tensor:
    crossed = torch.linalg.cross(a[..., :3], b[..., :3])
    of_inputs = [(a @ b.mT).flatten(), (a.mT @ b).flatten(), (a[0] @ b[0, 0]).flatten(), crossed.flatten()]
    of_constants = [(TALL @ a[0]).flatten(), (TALL[None, 1:] @ b).flatten(), (TALL.mT @ TALL @ b).flatten()]
    return torch.cat([*of_inputs, *of_constants])


def left_to_torch(a: Tensor, b: Tensor) -> Tensor:
    """What is not translated, with whole numbers and booleans on both sides of it."""
    order = a[0, :, 0].argsort()
    return a[:, order].cummin(1).values + b.sort(1).indices.float() + (a > 0).cumsum(1)


EACH = [views, written, reduced, joined, curved, not_finite, chosen, products, left_to_torch]


@pytest.mark.parametrize("function", EACH, ids=lambda function: function.__name__)
def test_program_gives_what_torch_gives(function: Function) -> None:
    torch.manual_seed(1)
    recorded, others = torch.randn(2, 1, 6, 4), torch.randn(3, 2, 1, 6, 4)
    tape = Tape(lambda a, b: [function(a, b)], list(recorded))
    for a, b in others:
        torch.testing.assert_close(tape(a, b)[0], function(a, b), rtol=1e-5, atol=1e-5, equal_nan=True)
    assert tape.operations > 0 and (len(tape.calls) > 0) == (function is left_to_torch)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("padding", ["border", "zeros"])
@pytest.mark.parametrize("align", [False, True])
def test_samples_of_maps_are_those_of_torch(mode: str, padding: str, align: bool) -> None:
    torch.manual_seed(2)
    maps, grid = torch.randn(2, 3, 9, 7), torch.rand(2, 5, 6, 2) * 3 - 1.5
    grid[0, 0, 0, 0], grid[0, 0, 1, 1] = float("nan"), 1e30

    def function(a: Tensor, b: Tensor) -> list[Tensor]:
        return [F.grid_sample(a, b, mode, padding, align)]

    tape = Tape(function, [torch.zeros_like(maps), torch.zeros_like(grid)])
    known = grid.isfinite().all(-1)[:, None].expand(-1, 3, -1, -1)
    torch.testing.assert_close(tape(maps, grid)[0][known], function(maps, grid)[0][known], rtol=1e-5, atol=1e-5)
    assert tape.calls == [] and bool(tape(maps, grid)[0].isfinite().all())


def pooled(a: Tensor) -> list[Tensor]:
    return [
        F.avg_pool2d(a, 5, 1, 2), F.avg_pool2d(a, 2), F.avg_pool2d(a, 2, ceil_mode=True), F.max_pool2d(a, 3, 1, 1),
        F.max_pool2d(a, (4, 1), (2, 1)), F.pad(a, (1, 2, 3, 0), "replicate"),
        F.interpolate(a, size=(20, 24), mode="bilinear"), F.interpolate(a, size=(6, 5), mode="bilinear"),
    ]  # fmt: skip


def test_resized_maps_are_those_of_torch() -> None:
    maps = torch.randn(2, 3, 8, 12)
    tape = Tape(pooled, [torch.zeros_like(maps)])
    for mine, theirs in zip(tape(maps), pooled(maps), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)
    assert tape.calls == []


@pytest.mark.parametrize(
    ("rows", "depth", "columns", "is_kept"),
    [
        (17, 300, 16, True),  # tall, and large: by columns, which lie together
        (600, 36, 3, True),
        (600, 1, 16, True),
        (600, 36, 17, False),  # too many columns for that, and large
        (16, 300, 16, False),  # not taller than so few columns may be
        (20, 20, 17, True),  # small
        (3000, 36, 3, False),  # wider than any map
    ],
)
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("turned", [False, True])
def test_products_of_constants_are_those_of_torch(
    rows: int, depth: int, columns: int, is_kept: bool, batch: int, turned: bool
) -> None:
    noise = torch.Generator().manual_seed(rows)
    shape = (batch, depth, rows) if turned else (batch, rows, depth)
    weights = torch.randn(shape, generator=noise)
    weights = weights.mT if turned else weights

    def function(a: Tensor) -> list[Tensor]:
        return [weights @ a, (weights @ a).mT + 1]

    tape = Tape(function, [torch.zeros(batch, depth, columns)])
    value = torch.randn(batch, depth, columns, generator=noise)
    for mine, theirs in zip(tape(value), function(value), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)
    assert (tape.calls == []) == is_kept


def with_single_numbers(a: Tensor) -> list[Tensor]:
    """Operations whose second, or first and second operand is one number for many."""
    row, line = a[:, :1], a[:, 1:2]
    each = [torch.maximum(a, row), torch.minimum(a, row), a.clamp_min(0.1), a.clamp_max(0.1), torch.maximum(row, a)]
    each += [compared.float() for compared in (a > row, a >= row, a < row, a <= row)]
    each += [(a == line).float(), (a != line).float(), torch.where(a > 0, row, a), torch.lerp(row, line, a)]
    return [*each, a.sum(1), a[:, ::2].sum(1), a.mT.sum(0), a.sum(0), F.pad(a[None, None], (3, 1, 2, 4), "replicate")]


@pytest.mark.parametrize("length", [1, 5, 8, 1003])
def test_operations_with_single_numbers_and_long_sums_are_those_of_torch(length: int) -> None:
    value = torch.randn(3, length + 2, generator=torch.Generator().manual_seed(length))
    value[1, -1] = value[1, 1]
    tape = Tape(with_single_numbers, [torch.zeros_like(value)])
    for mine, theirs in zip(tape(value), with_single_numbers(value), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)
    bad = value.clone()
    bad[0, 2], bad[2, 0] = float("nan"), float("nan")
    for mine, theirs in zip(tape(bad), with_single_numbers(bad), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5, equal_nan=True)


def test_inputs_that_nothing_needs_are_not_read() -> None:
    tape = Tape(lambda a, b: [b * 2], [torch.zeros(3), torch.zeros(2, 3).mT])
    unread = torch.zeros(3)
    assert tape(unread, torch.ones(3, 2))[0].tolist() == [[2, 2]] * 3
    with pytest.raises(ValueError, match="2 inputs were recorded, got 1"):
        tape(unread)


def test_what_depends_on_no_input_is_computed_once() -> None:
    weights = torch.randn(5, 5)
    tape = Tape(lambda a: [weights @ weights, a + (weights @ weights).exp().sum()], [torch.zeros(3)])
    assert tape.operations == 1 and tape(torch.ones(3))[0] is tape(torch.zeros(3))[0]


def test_recording_does_not_import_the_compiler_of_torch() -> None:
    """It would cost every process two seconds and 120 MB."""
    program = """
import sys, torch
from kernels.tape.tape import Tape
Tape(lambda a: [a.sin() + 1], [torch.zeros(3)])
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_results_are_not_overwritten_by_later_runs() -> None:
    tape = Tape(lambda a: [a * 2, (a + 1).view(1, -1)], [torch.zeros(3)])
    first = tape(torch.ones(3))
    tape(torch.full((3,), 5.0))
    assert first[0].tolist() == [2, 2, 2] and first[1].tolist() == [[2, 2, 2]]


@recorded_whole
def outer_square(a: Tensor, factor: float) -> Tensor:
    """A kernel that looks at values, which a recording must not."""
    return torch.tensor([[x * y * factor for x in a.tolist()] for y in a.tolist()])


def test_kernels_are_called_with_the_values_of_now() -> None:
    def function(a: Tensor) -> list[Tensor]:
        square = outer_square(a + 1, 2.0)
        return [square, square[1:] + a]

    tape = Tape(function, [torch.zeros(3)])
    for value in (torch.arange(3.0), torch.tensor([4.0, -1.0, 0.5])):
        for mine, theirs in zip(tape(value), function(value), strict=True):
            torch.testing.assert_close(mine, theirs)
    assert tape.calls == ["outer_square"]


unread: list[weakref.ref[Tensor]] = []


@recorded_whole
def twice_and_thrice(a: Tensor) -> tuple[Tensor, Tensor]:
    """A kernel of whose results the second is followed."""
    twice, thrice = a * 2, a * 3
    unread.append(weakref.ref(thrice))
    return twice, thrice


def test_what_a_kernel_returns_and_nothing_reads_is_not_kept() -> None:
    tape = Tape(lambda a: [twice_and_thrice(a)[0] + 1], [torch.zeros(3)])
    assert tape(torch.ones(3))[0].tolist() == [3, 3, 3] and unread[-1]() is None


def branching(a: Tensor) -> list[Tensor]:
    return [a + 1 if a.sum() > 0 else a]


def writing_into_input(a: Tensor) -> list[Tensor]:
    return [a.add_(1)]


@pytest.mark.parametrize("function", [branching, writing_into_input])
def test_functions_that_look_at_values_or_write_into_inputs_are_refused(function: Callable) -> None:
    with pytest.raises(NotRecordable):
        Tape(function, [torch.ones(3)])


def test_other_shapes_and_types_are_refused() -> None:
    tape = Tape(lambda a: [a + 1], [torch.zeros(3)])
    with pytest.raises(ValueError, match="shape"):
        tape(torch.zeros(4))
    with pytest.raises(NotRecordable):
        Tape(lambda a: [a], [torch.zeros(3, dtype=torch.float64)])


def test_values_that_live_at_once_do_not_overlap_and_memory_is_used_again() -> None:
    spans = {n: Span(n, n + 1 + n % 3, 50 + 30 * (n % 4)) for n in range(30)}
    place, total = place_spans(spans)
    for one, mine in spans.items():
        for other, theirs in spans.items():
            if one < other and theirs.first <= mine.last:
                apart = place[one] + mine.size <= place[other] or place[other] + theirs.size <= place[one]
                assert apart, (one, other)
    assert total < sum(span.size for span in spans.values()) / 3
