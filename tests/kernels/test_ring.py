"""Ring attention and the cache write: each backend against the formulas in float64."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from kernels.attention import Rope, axial_rope, head_norm, rotate
from kernels.backend import choose
from kernels.ring import FLOAT8, RingState, quantise, ring_attention, store_kv
from tests.kernels.triton_process import devices

# Relative error ‖out − expected‖ / ‖expected‖ by the dtype of the cache: twice what was measured in the interpreter;
# for float32 (2e-7) more, because a GPU's exponentials are less exact. The interpreter loses the carry where rounding
# to float8 reaches the next power of two: 6e-2, and torch, which does not, 4e-2.
TOLERANCE = {torch.float32: 3e-6, torch.float16: 8e-4, torch.bfloat16: 7e-3, FLOAT8: 0.12}


@dataclass(frozen=True)
class Case:
    """Shape and state of a cache.

    name: of the test.
    lane: cache row of each batch entry.
    cursor, filled, pinned: of each lane, as in `RingState`.
    ring: W, past frames.
    references: R, reference slots.
    grid: tokens along a side of the frame.
    heads: H.
    keyed: the last heads, without RoPE.
    width: D, of a head.
    """

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
    """Random tensors of a case, and the results that `store_kv` and `ring_attention` should have."""

    def __init__(self, case: Case, dtype: torch.dtype, device: str, normed: bool = True) -> None:
        generator = torch.Generator().manual_seed(len(case.name))
        batch, lanes = len(case.lane), len(case.cursor)

        def random(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator)

        self.case = case
        frame_dtype = torch.float32 if dtype == FLOAT8 else dtype
        # The layout of a projection's output: (B, N, H·D), viewed as (B, H, N, D).
        projected = [random(batch, case.tokens, case.heads, case.width) for _ in range(3)]
        self.query, self.key, self.value = (each.to(device, frame_dtype).transpose(1, 2) for each in projected)
        contents = [random(lanes, case.heads, case.slots * case.tokens, case.width).to(device) for _ in range(2)]
        self.scale = None
        if dtype == FLOAT8:
            self.scale = torch.stack([each.abs().amax((2, 3)) for each in contents]) * (2 / 448)
        scales = (None, None) if self.scale is None else self.scale
        self.keys, self.values = (quantise(each, dtype, scale) for each, scale in zip(contents, scales, strict=True))
        self.state = RingState(
            *(torch.tensor(each, device=device) for each in (case.lane, case.cursor, case.filled, case.pinned))
        )
        self.rope = axial_rope(case.grid, case.width).to(torch.device(device))
        self.norms = [(random(case.width) * 0.1 + 1).to(device, frame_dtype) if normed else None for _ in range(2)]

    def store(self, backend: str) -> None:
        store_kv(
            self.key, self.value, self.keys, self.values, self.state, self.case.references,
            self.norms[1], self.scale, backend,
        )  # fmt: skip

    def attend(self, backend: str) -> Tensor:
        return ring_attention(
            self.query, self.keys, self.values, self.state, self.rope, self.case.keyed, self.case.references,
            self.norms[0], self.scale, backend,
        )  # fmt: skip

    def cache_float64(self, part: int) -> Tensor:
        """The cache's keys (0) or values (1) in float64."""
        raw = (self.keys, self.values)[part].cpu().double()
        return raw if self.scale is None else raw * self.scale[part, :, :, None, None].cpu()

    def attention_float64(self) -> Tensor:
        """The formula of attention in float64, slot by slot, over the contents of the cache."""
        case, (keys, values) = self.case, (self.cache_float64(0), self.cache_float64(1))
        query, norm = self.query.cpu().double(), self.norms[0]
        query = query if norm is None else head_norm(query, norm.cpu().double())
        out = torch.zeros(query.shape, dtype=torch.float64)
        rope = axial_rope(case.grid, case.width)
        for entry, lane in enumerate(case.lane):
            slots = [(slot, None) for slot in range(case.pinned[lane])]
            for age in range(case.filled[lane] + 1):
                slots.append((case.references + (case.cursor[lane] - age) % (case.ring + 1), age))
            for head in range(case.heads):
                spatial = head < case.heads - case.keyed
                q = rotated(query[entry, head], rope, 0 if spatial else None)
                k, v = [], []
                for slot, age in slots:
                    rows = slice(slot * case.tokens, (slot + 1) * case.tokens)
                    k.append(rotated(keys[lane, head, rows], rope, age if spatial else None))
                    v.append(values[lane, head, rows])
                out[entry, head] = (q @ torch.cat(k).T / case.width**0.5).softmax(-1) @ torch.cat(v)
        return out


def rotated(x: Tensor, rope: Rope, age: int | None) -> Tensor:
    """Rows (N, D) of one head after RoPE at an age; None: no RoPE."""
    if age is None:
        return x
    angles = torch.cat([-age * rope.time.double().expand(len(x), -1), rope.space.double()], -1)
    return rotate(x[None, None], angles[None])[0, 0]


def relative_error(out: Tensor, expected: Tensor) -> float:
    return float((out.cpu().double() - expected).norm() / expected.norm())


# The interpreter is slow: every case in float32, every dtype in a few cases of one and of several lanes.
every_case = pytest.mark.parametrize(
    ("case", "dtype"),
    [
        pytest.param(case, dtype, id=f"{case.name}, {str(dtype).removeprefix('torch.')}")
        for case in CASES
        for dtype in TOLERANCE
        if dtype == torch.float32
        or case.name in ("full ring, wrapped", "lanes out of order", "odd width, no keyed head")
    ],
)


@devices
@every_case
def test_triton_attention_equals_the_formula(case: Case, dtype: torch.dtype, device: str) -> None:
    setup = Setup(case, dtype, device)
    assert choose("triton", setup.query) == "triton"  # the backend that the next line runs
    out, expected = setup.attend("triton"), setup.attention_float64()
    print(f"attention {dtype} {case.name}: {relative_error(out, expected):.2e}")
    assert out.dtype == setup.query.dtype
    # float8 loses precision when it is stored; here it is only read.
    assert relative_error(out, expected) < TOLERANCE[torch.float16 if dtype == FLOAT8 else dtype]


@every_case
def test_reference_attention_equals_the_formula(case: Case, dtype: torch.dtype) -> None:
    setup = Setup(case, dtype, "cpu")
    assert choose("reference", setup.query) == "reference"
    # torch rounds after each operation, the kernel only the operands of its products and the result.
    error = relative_error(setup.attend("reference"), setup.attention_float64())
    assert error < 3 * TOLERANCE[torch.float32 if dtype == FLOAT8 else dtype]


@devices
@every_case
def test_store_kv_writes_the_current_slot_alone(case: Case, dtype: torch.dtype, device: str) -> None:
    """The current slot of each lane holds the new frame, and nothing else has changed."""
    by_triton, by_torch = Setup(case, dtype, device), Setup(case, dtype, device)
    before = [by_torch.cache_float64(part) for part in range(2)]
    by_triton.store("triton")
    by_torch.store("reference")
    frames = (head_norm(by_torch.key.cpu().double(), by_torch.norms[1].cpu().double()), by_torch.value.cpu().double())
    for part, frame in enumerate(frames):
        got, expected = by_triton.cache_float64(part), before[part]
        for entry, lane in enumerate(case.lane):
            start = (case.references + case.cursor[lane]) * case.tokens
            expected[lane, :, start : start + case.tokens] = frame[entry]
        print(f"store {dtype} {case.name} {'kv'[part]}: {relative_error(got, expected):.2e}")
        assert relative_error(got, expected) < TOLERANCE[dtype]
        assert relative_error(by_torch.cache_float64(part), expected) < TOLERANCE[dtype]
        is_changed = got != expected
        for lane in case.lane:
            start = (case.references + case.cursor[lane]) * case.tokens
            is_changed[lane, :, start : start + case.tokens] = False
        assert not is_changed.any()


@devices
@pytest.mark.parametrize("normed", [False, True])
def test_queries_and_keys_may_be_normed_already(normed: bool, device: str) -> None:
    setup = Setup(CASES[3], torch.float32, device, normed)
    setup.store("triton")
    assert relative_error(setup.attend("triton"), setup.attention_float64()) < TOLERANCE[torch.float32]


@devices
def test_triton_never_reads_an_empty_slot(device: str) -> None:
    setup = Setup(CASES[4], torch.float32, device)
    before = setup.attend("triton")
    _, is_occupied = setup.state.slots(setup.case.references, setup.case.ring)
    for entry, lane in enumerate(setup.case.lane):
        for slot in (~is_occupied[entry]).nonzero().flatten().tolist():
            rows = slice(slot * setup.case.tokens, (slot + 1) * setup.case.tokens)
            setup.keys[lane, :, rows] = setup.values[lane, :, rows] = torch.nan
    assert torch.equal(before, setup.attend("triton"))


@devices
@pytest.mark.parametrize("backend", ["triton", "reference"])
def test_float8_changes_attention_by_a_few_hundredths(backend: str, device: str) -> None:
    """Storing in float8 also clamps values beyond its range."""
    exact, in_float8 = Setup(CASES[-1], torch.float32, device), Setup(CASES[-1], FLOAT8, device)
    for setup in (exact, in_float8):
        setup.store(backend)
    loss = relative_error(in_float8.attend(backend), exact.attend("reference").cpu().double())
    print(f"float8 by {backend}: {loss:.2e}")
    assert 1e-2 < loss < TOLERANCE[FLOAT8]
    in_float8.value *= 1e4
    in_float8.store(backend)
    largest = in_float8.cache_float64(1).abs().amax((2, 3))
    assert torch.allclose(largest, 448 * in_float8.scale[1].cpu().double())


@devices
def test_triton_refuses_a_cache_that_does_not_fit(device: str) -> None:
    setup = Setup(CASES[0], torch.float32, device)
    setup.keys = setup.keys[:, :, 1:].contiguous()
    with pytest.raises(AssertionError, match="for frames"):
        setup.attend("triton")


def test_tensors_with_a_gradient_take_the_reference() -> None:
    query = torch.zeros(1, requires_grad=True)
    assert choose("triton", query) == "reference"
    with torch.no_grad():
        assert choose("reference", query) == "reference"
