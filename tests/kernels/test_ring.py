"""Ring attention and the cache write, Triton and torch, against both written out in float64."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from kernels.attention import Rope, axial_rope, head_norm, rotate
from kernels.backend import choose
from kernels.ring import FLOAT8, RingState, quantise, ring_attention, store_kv
from tests.kernels.triton_process import devices

FULL, HALF, BRAIN = torch.float32, torch.float16, torch.bfloat16
# ‖out − truth‖ / ‖truth‖ allowed for numbers stored and multiplied so: twice what was measured in the interpreter; for
# float32 (2e-7) more, because a GPU's exponentials are less exact. The interpreter loses the carry where rounding to
# float8 reaches the next power of two: 6e-2, and torch, which does not, 4e-2.
TOLERANCE = {FULL: 3e-6, HALF: 8e-4, BRAIN: 7e-3, FLOAT8: 0.12}


@dataclass(frozen=True)
class Case:
    """Shape and state: lane, cursor, filled and pinned as in `RingState`, the last three for each lane."""

    name: str
    lane: tuple[int, ...]
    cursor: tuple[int, ...]
    filled: tuple[int, ...]
    pinned: tuple[int, ...]
    ring: int
    references: int = 1
    grid: int = 4
    heads: int = 2
    keyed: int = 1
    width: int = 32

    @property
    def tokens(self) -> int:
        return self.grid**2

    @property
    def slots(self) -> int:
        return self.references + self.ring + 1


CASES = [
    Case("empty ring", (0,), (0,), (0,), (1,), ring=1),
    Case("full ring, wrapped", (0,), (1,), (4,), (1,), ring=4),
    Case("no reference", (0,), (2,), (1,), (0,), ring=2),
    Case("lanes out of order", (2, 0), (1, 0, 4), (2, 0, 4), (1, 0, 1), ring=4),
    Case("pins differ", (1, 0, 2), (0, 1, 2), (1, 2, 2), (2, 0, 1), ring=2, references=2, keyed=2),
    Case("ragged tokens", (0, 1), (3, 0), (2, 3), (1, 1), ring=3, grid=5),
    Case("ragged blocks", (0,), (1,), (1,), (1,), ring=1, grid=9),
    Case("narrow heads", (0,), (1,), (1,), (1,), ring=1, heads=3, width=8),
    Case("odd width, no keyed head", (1, 0), (1, 0), (1, 0), (1, 1), ring=1, keyed=0, width=24),
    Case("wide heads, as base", (0,), (1,), (3,), (1,), ring=4, width=64, heads=3, keyed=2),
]


class Setup:
    """Random tensors of a case, and what `store` and `ring_attention` should make of them."""

    def __init__(self, case: Case, dtype: torch.dtype, device: str, normed: bool = True) -> None:
        make = torch.Generator().manual_seed(len(case.name))
        batch, lanes = len(case.lane), len(case.cursor)

        def random(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=make)

        self.case = case
        frame = (FULL if dtype == FLOAT8 else dtype, device)
        # As a projection leaves them: (B, N, H·D), seen as (B, H, N, D).
        projected = [random(batch, case.tokens, case.heads, case.width) for _ in range(3)]
        self.query, self.key, self.value = (each.to(*frame[::-1]).transpose(1, 2) for each in projected)
        held = [random(lanes, case.heads, case.slots * case.tokens, case.width).to(device) for _ in range(2)]
        self.scale = None
        if dtype == FLOAT8:
            self.scale = torch.stack([each.abs().amax((2, 3)) for each in held]) * (2 / 448)
        scales = (None, None) if self.scale is None else self.scale
        self.keys, self.values = (quantise(each, dtype, scale) for each, scale in zip(held, scales, strict=True))
        self.ring = RingState(
            *(torch.tensor(each, device=device) for each in (case.lane, case.cursor, case.filled, case.pinned))
        )
        self.rope = axial_rope(case.grid, case.width).to(torch.device(device))
        self.norms = [(random(case.width) * 0.1 + 1).to(*frame[::-1]) if normed else None for _ in range(2)]

    def store(self, backend: str) -> None:
        store_kv(
            self.key, self.value, self.keys, self.values, self.ring, self.case.references,
            self.norms[1], self.scale, backend,
        )  # fmt: skip

    def attend(self, backend: str) -> Tensor:
        return ring_attention(
            self.query, self.keys, self.values, self.ring, self.rope, self.case.keyed, self.case.references,
            self.norms[0], self.scale, backend,
        )  # fmt: skip

    def numbers(self, part: int) -> Tensor:
        """The cache's keys (0) or values (1) in float64."""
        raw = (self.keys, self.values)[part].cpu().double()
        return raw if self.scale is None else raw * self.scale[part, :, :, None, None].cpu()

    def truth(self) -> Tensor:
        """Attention slot by slot in float64, over what the cache holds."""
        case, (keys, values) = self.case, (self.numbers(0), self.numbers(1))
        query, norm = self.query.cpu().double(), self.norms[0]
        query = query if norm is None else head_norm(query, norm.cpu().double())
        out = torch.zeros(query.shape, dtype=torch.float64)
        rope = axial_rope(case.grid, case.width)
        for entry, lane in enumerate(case.lane):
            seen = [(slot, None) for slot in range(case.pinned[lane])]
            for age in range(case.filled[lane] + 1):
                seen.append((case.references + (case.cursor[lane] - age) % (case.ring + 1), age))
            for head in range(case.heads):
                spatial = head < case.heads - case.keyed
                q = turned(query[entry, head], rope, 0 if spatial else None)
                k, v = [], []
                for slot, age in seen:
                    rows = slice(slot * case.tokens, (slot + 1) * case.tokens)
                    k.append(turned(keys[lane, head, rows], rope, age if spatial else None))
                    v.append(values[lane, head, rows])
                out[entry, head] = (q @ torch.cat(k).T / case.width**0.5).softmax(-1) @ torch.cat(v)
        return out


def turned(x: Tensor, rope: Rope, age: int | None) -> Tensor:
    """Rows (N, D) of one head at an age; None: as they are."""
    if age is None:
        return x
    angles = torch.cat([-age * rope.time.double().expand(len(x), -1), rope.space.double()], -1)
    return rotate(x[None, None], angles[None])[0, 0]


def off(out: Tensor, truth: Tensor) -> float:
    return float((out.cpu().double() - truth).norm() / truth.norm())


# The interpreter takes its time: every case in float32, every number in cases of one and of several lanes.
every_case = pytest.mark.parametrize(
    ("case", "dtype"),
    [
        pytest.param(case, dtype, id=f"{case.name}, {str(dtype).removeprefix('torch.')}")
        for case in CASES
        for dtype in TOLERANCE
        if dtype == FULL or case.name in ("full ring, wrapped", "lanes out of order", "odd width, no keyed head")
    ],
)


@devices
@every_case
def test_attention(case: Case, dtype: torch.dtype, device: str) -> None:
    setup = Setup(case, dtype, device)
    assert choose("triton", setup.query) == "triton"  # what the next line really runs
    out, truth = setup.attend("triton"), setup.truth()
    print(f"attention {dtype} {case.name}: {off(out, truth):.2e}")
    assert out.dtype == setup.query.dtype
    # What float8 loses is lost when it is stored; here it is only read.
    assert off(out, truth) < TOLERANCE[HALF if dtype == FLOAT8 else dtype]


@every_case
def test_the_reference_attends_as_written_out(case: Case, dtype: torch.dtype) -> None:
    setup = Setup(case, dtype, "cpu")
    assert choose("reference", setup.query) == "reference"
    # torch rounds after each operation, the kernel only what is multiplied and the result.
    assert off(setup.attend("reference"), setup.truth()) < 3 * TOLERANCE[FULL if dtype == FLOAT8 else dtype]


@devices
@every_case
def test_store(case: Case, dtype: torch.dtype, device: str) -> None:
    """The current slot of each lane holds the new frame as the reference stores it, and nothing else has changed."""
    by_triton, by_torch = Setup(case, dtype, device), Setup(case, dtype, device)
    before = [by_torch.numbers(part) for part in range(2)]
    by_triton.store("triton")
    by_torch.store("reference")
    frames = (head_norm(by_torch.key.cpu().double(), by_torch.norms[1].cpu().double()), by_torch.value.cpu().double())
    for part, frame in enumerate(frames):
        got, want = by_triton.numbers(part), before[part]
        for entry, lane in enumerate(case.lane):
            at = (case.references + case.cursor[lane]) * case.tokens
            want[lane, :, at : at + case.tokens] = frame[entry]
        print(f"store {dtype} {case.name} {'kv'[part]}: {off(got, want):.2e}")
        assert off(got, want) < TOLERANCE[dtype] and off(by_torch.numbers(part), want) < TOLERANCE[dtype]
        elsewhere = got != want
        for lane in case.lane:
            at = (case.references + case.cursor[lane]) * case.tokens
            elsewhere[lane, :, at : at + case.tokens] = False
        assert not elsewhere.any()


@devices
@pytest.mark.parametrize("normed", [False, True])
def test_queries_and_keys_may_be_normed_before(normed: bool, device: str) -> None:
    setup = Setup(CASES[3], FULL, device, normed)
    setup.store("triton")
    assert off(setup.attend("triton"), setup.truth()) < TOLERANCE[FULL]


@devices
def test_what_no_live_slot_holds_is_never_read(device: str) -> None:
    setup = Setup(CASES[4], FULL, device)
    before = setup.attend("triton")
    _, live = setup.ring.slots(setup.case.references, setup.case.ring)
    for entry, lane in enumerate(setup.case.lane):
        for slot in (~live[entry]).nonzero().flatten().tolist():
            rows = slice(slot * setup.case.tokens, (slot + 1) * setup.case.tokens)
            setup.keys[lane, :, rows] = setup.values[lane, :, rows] = torch.nan
    assert torch.equal(before, setup.attend("triton"))


@devices
@pytest.mark.parametrize("backend", ["triton", "reference"])
def test_what_float8_loses(backend: str, device: str) -> None:
    """Storing in float8 moves the result of attention by a few hundredths, and cuts what is too large."""
    exact, short = Setup(CASES[-1], FULL, device), Setup(CASES[-1], FLOAT8, device)
    for setup in (exact, short):
        setup.store(backend)
    loss = off(short.attend(backend), exact.attend("reference").cpu().double())
    print(f"float8 by {backend}: {loss:.2e}")
    assert 1e-2 < loss < TOLERANCE[FLOAT8]
    short.value *= 1e4
    short.store(backend)
    largest = short.numbers(1).abs().amax((2, 3))
    assert torch.allclose(largest, 448 * short.scale[1].cpu().double())


@devices
def test_sizes_that_do_not_fit_are_refused(device: str) -> None:
    setup = Setup(CASES[0], FULL, device)
    setup.keys = setup.keys[:, :, 1:].contiguous()
    with pytest.raises(AssertionError, match="for frames"):
        setup.attend("triton")


def test_a_gradient_is_never_asked_of_triton() -> None:
    query = torch.zeros(1, requires_grad=True)
    assert choose("triton", query) == "reference"
    with torch.no_grad():
        assert choose("reference", query) == "reference"
