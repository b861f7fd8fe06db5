"""A function of tensors as a program: recorded once, then run without torch's overhead for each small operation.

Recording runs the function, so that what depends on no input is computed once and for all. The program is a table of
instructions over one block of memory, which a numba kernel runs; operations that it does not know, and kernels that are
recorded as a whole, are called in between. The function itself stays the specification, for training and for GPUs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from kernels.tape import codes
from kernels.tape.arena import Span, place_spans
from kernels.tape.lowering import Instruction, Lowering, Untranslated, View
from kernels.tape.recorder import Call, NotRecordable, Recorder, storage_of
from kernels.tape.translate import translate

FLOAT_BYTES = 4
MADE = -1  # stands for the storages of all results that instructions write
Step = Callable[[], None]


@dataclass
class Slot:
    """Memory that is another one in each run: that of an input, of what a call returns, or of all results that
    instructions write. places, offsets: which numbers of the table are addresses in it, and the offsets in bytes.
    is_read: whether a call or a result needs the tensor itself.
    """

    places: np.ndarray
    offsets: np.ndarray
    tensor: Tensor | None = None
    is_read: bool = False

    @property
    def is_needed(self) -> bool:
        return self.is_read or self.places.size > 0

    def fill(self, table: np.ndarray, tensor: Tensor) -> None:
        """Have the addresses in the flat table point to the memory of this run."""
        self.tensor = tensor
        if self.places.size:
            table[self.places] = tensor.data_ptr() + self.offsets


class Tape:
    """The recording of a function of float32 tensors on a CPU, which returns a sequence of tensors.

    Calling it runs the program with other values of inputs of the same shapes, and returns new tensors, which share one
    block of memory: nobody may write into them, and who keeps one keeps all. Those that depend on no input are the same
    ones each time. The constants of the recording are not copied: nobody may write into them. Calls from several
    threads wait for each other.

    Raises NotRecordable if the host reads a value that depends on an input, or an input is written into.
    """

    def __init__(self, function: Callable[..., Sequence[Tensor]], inputs: Sequence[Tensor]) -> None:
        if any(tensor.dtype != torch.float32 or tensor.device.type != "cpu" for tensor in inputs):
            raise NotRecordable("inputs are float32 tensors on a CPU")
        own = [tensor.clone(memory_format=torch.contiguous_format) for tensor in inputs]
        recorder = Recorder(own)
        with torch.no_grad(), recorder:
            results = function(*own)
        self._shapes = [tensor.shape for tensor in own]
        self._lock = threading.Lock()
        self._constants: list[Tensor] = []  # whose addresses are in the table
        _Builder(self, recorder, own, list(results)).build()

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        """The results for these inputs. Raises ValueError for another number of them than was recorded, and for other
        shapes or types of inputs that the program reads.
        """
        if len(inputs) != len(self._shapes):
            raise ValueError(f"{len(self._shapes)} inputs were recorded, got {len(inputs)}")
        with self._lock:
            bases = self._bases
            for n, (number, slot) in enumerate(self._needed_inputs):
                tensor, shape = inputs[number], self._shapes[number]
                if tensor.shape != shape or tensor.dtype != torch.float32:
                    raise ValueError(f"an input of shape {tuple(shape)} was recorded, got {tuple(tensor.shape)}")
                slot.tensor = tensor if tensor.is_contiguous() else tensor.contiguous()
                bases[n] = slot.tensor.data_ptr()
            self._made.tensor = torch.empty(self._made_size)
            bases[-1] = self._made.tensor.data_ptr()
            self._table[self._places] = bases[self._base_of] + self._offsets  # all at once: each alone costs as much
            for step in self._steps:
                step()
            results = [result() for result in self._results]
            for slot in self._slots:
                slot.tensor = None
            return results

    _memory: Tensor  # of what lives within a run, whose addresses are in the table
    _needed_inputs: list[tuple[int, Slot]]  # with the number of each
    _made: Slot  # holds the results that instructions write
    _made_size: int  # in elements
    _slots: list[Slot]  # that are needed
    _steps: list[Step]
    _results: list[Callable[[], Tensor]]
    _table: np.ndarray  # flat
    # The addresses that are known before a run: of each base, that of a needed input or, as the last one, of the
    # results; which places of the table have an address, in which base it lies, and how many bytes from there.
    _bases: np.ndarray
    _places: np.ndarray
    _base_of: np.ndarray
    _offsets: np.ndarray
    operations: int  # instructions of the program
    calls: list[str]  # what is not translated, by name


class _Builder:
    """Makes the program of a tape from a recording."""

    def __init__(self, tape: Tape, recorder: Recorder, inputs: list[Tensor], results: list[Tensor]) -> None:
        self.tape = tape
        self.recorder = recorder
        self.inputs = inputs
        self.results = results
        self.lowering = Lowering(recorder.depends_on_input)
        self.slots: dict[int, Slot] = {}
        self.patches: dict[int, list[tuple[int, int, int]]] = {}
        self.place: dict[int, int] = {}  # of storages in the block of memory, in elements
        self.made: dict[int, int] = {}  # likewise, in that of the results
        self.memory = torch.empty(0)

    def build(self) -> None:
        calls = self._needed()
        plans: list[list[Instruction] | Call] = [self._first_values()]
        for call in calls:
            try:
                plans.append(translate(self.lowering, call))
            except Untranslated:
                plans.append(call)
        slotted = {storage_of(tensor) for tensor in self.inputs}
        for plan in plans:
            if isinstance(plan, Call) and not plan.mutates:
                slotted.update(storage_of(result) for result in plan.results)
        if any(call.mutates and storage_of(call.results[0]) in self._input_storages() for call in self.recorder.calls):
            raise NotRecordable("an input is written into")
        self._allocate(calls, slotted)
        self.patches = {storage: [] for storage in (*slotted, MADE)}
        rows: list[np.ndarray] = []
        steps: list[tuple[int, int] | Call] = []
        for plan in plans:
            if isinstance(plan, Call):
                steps.append(plan)
                continue
            begin = len(rows)
            rows.extend(self._row(instruction, begin + n) for n, instruction in enumerate(plan))
            if steps and isinstance(steps[-1], tuple):
                begin = steps.pop()[0]  # type: ignore[index]
            steps.append((begin, len(rows)))
        tape = self.tape
        tape._table = np.concatenate(rows) if rows else np.zeros(0, np.int64)
        for storage, patches in self.patches.items():
            row, column, offset = (np.array([patch[n] for patch in patches], np.int64) for n in range(3))
            self.slots[storage] = Slot(row * codes.WIDTH + column, offset)
        tape._made = self.slots[MADE]
        tape._steps = [self._call(step) if isinstance(step, Call) else self._segment(*step) for step in steps]
        tape._results = [self._result(tensor) for tensor in self.results]
        tape._slots = [slot for slot in self.slots.values() if slot.is_needed]
        inputs = enumerate(self.slots[storage_of(tensor)] for tensor in self.inputs)
        tape._needed_inputs = [(number, slot) for number, slot in inputs if slot.is_needed]
        filled = [*(slot for _, slot in tape._needed_inputs), tape._made]
        tape._bases = np.zeros(len(filled), np.int64)
        tape._places, tape._offsets = (np.concatenate([getattr(s, n) for s in filled]) for n in ("places", "offsets"))
        tape._base_of = np.repeat(np.arange(len(filled)), [slot.places.size for slot in filled])
        tape.operations = len(rows)
        tape.calls = [step.name for step in steps if isinstance(step, Call)]

    def _input_storages(self) -> set[int]:
        return {storage_of(tensor) for tensor in self.inputs}

    def _needed(self) -> list[Call]:
        """The calls that the results depend on."""
        wanted, needed = {storage_of(tensor) for tensor in self.results}, []
        for call in reversed(self.recorder.calls):
            if any(storage_of(tensor) in wanted for tensor in call.results):
                needed.append(call)
                wanted.update(storage_of(tensor) for tensor in call.read)
        return needed[::-1]

    def _first_values(self) -> list[Instruction]:
        """Instructions that give constants into which something is written their first values again."""
        instructions: list[Instruction] = []
        for storage, values in self.recorder.before.items():
            lowering = Lowering(lambda _: False)
            shape, strides = (len(values),), (1,)
            lowering.emit(codes.COPY, View(storage, 0, shape, strides), lowering.view(values))
            instructions += lowering.instructions
        return instructions

    def _allocate(self, calls: list[Call], slotted: set[int]) -> None:
        """Places all storages that instructions write into: those of results side by side in a block that is new in
        each run, so that none need be copied, the others in one where they share memory that is free again.
        """
        first: dict[int, int] = dict.fromkeys(self.recorder.before, -1)
        last: dict[int, int] = {}
        size: dict[int, int] = {}
        for number, call in enumerate(calls):
            for tensor in (*call.read, *call.results):
                storage = storage_of(tensor)
                if self.recorder.depends_on_input(tensor) and storage not in slotted:
                    first.setdefault(storage, number)
                    last[storage] = number
                    size[storage] = tensor.untyped_storage().nbytes() // tensor.element_size()
        made = {storage_of(tensor) for tensor in self.results} & last.keys()
        spans = {s: Span(first[s], last[s], size[s]) for s in last if s not in made}
        self.place, total = place_spans(spans)
        self.made, self.tape._made_size = place_spans({s: Span(0, 0, size[s]) for s in made})
        self.memory = self.tape._memory = torch.empty(total)

    def _row(self, instruction: Instruction, number: int) -> np.ndarray:
        row = np.zeros(codes.WIDTH, np.int64)
        row[0] = instruction.code
        row[codes.SHAPE : codes.SHAPE + codes.DIMS] = instruction.shape
        for n, view in enumerate(instruction.operands):
            column = codes.FIRST_OPERAND + n * codes.OPERAND_WIDTH
            row[column + 1 : column + codes.OPERAND_WIDTH] = view.strides
            row[column] = self._address(view, number, column)
        row[codes.EXTRAS : codes.EXTRAS + len(instruction.extras)] = instruction.extras
        return row

    def _address(self, view: View, row: int, column: int) -> int:
        if view.constant is not None:
            self.tape._constants.append(view.constant)
            return view.constant.data_ptr() + view.offset * view.constant.element_size()
        if view.storage in self.patches:
            self.patches[view.storage].append((row, column, FLOAT_BYTES * view.offset))
            return 0
        if view.storage in self.made:
            self.patches[MADE].append((row, column, FLOAT_BYTES * (self.made[view.storage] + view.offset)))
            return 0
        return self.memory.data_ptr() + FLOAT_BYTES * (self.place[view.storage] + view.offset)

    def _segment(self, begin: int, end: int) -> Step:
        from kernels.tape.numba_kernel import run  # noqa: PLC0415  (numba is slow to import)

        rows = self.tape._table[begin * codes.WIDTH : end * codes.WIDTH].reshape(-1, codes.WIDTH)
        return lambda: run(rows)

    def _current(self, tensor: Tensor) -> Callable[[], Tensor] | None:
        """What gives the value of a recorded tensor in this run; None for a constant."""
        if not self.recorder.depends_on_input(tensor):
            return None
        shape, strides, offset = tensor.shape, tensor.stride(), tensor.storage_offset()
        storage, dtype = storage_of(tensor), tensor.dtype
        if storage in self.slots or storage in self.made:
            slot, offset = self.slots[MADE if storage in self.made else storage], offset + self.made.get(storage, 0)
            slot.is_read = True

            def from_slot() -> Tensor:
                assert slot.tensor is not None
                value = slot.tensor.as_strided(shape, strides, slot.tensor.storage_offset() + offset)
                return value if dtype == torch.float32 else value.to(dtype)

            return from_slot
        view = self.memory.as_strided(shape, strides, self.place[storage] + offset)
        return (lambda: view) if dtype == torch.float32 else (lambda: view.to(dtype))

    def _call(self, call: Call) -> Step:
        leaves, spec = tree_flatten((call.arguments, call.keywords))
        current = [self._current(leaf) if isinstance(leaf, Tensor) else None for leaf in leaves]
        fixed = [leaf if now is None else None for leaf, now in zip(leaves, current, strict=True)]
        slots = [] if call.mutates else [(self.slots[storage_of(r)], r.stride()) for r in call.results]
        function, table = call.function, self.tape._table
        is_flat = not call.keywords and len(leaves) == len(call.arguments)
        is_flat = is_flat and all(leaf is each for leaf, each in zip(leaves, call.arguments, strict=True))

        def run() -> None:
            values = [leaf if now is None else now() for leaf, now in zip(fixed, current, strict=True)]
            arguments, keywords = (values, {}) if is_flat else tree_unflatten(values, spec)
            result = function(*arguments, **keywords)
            found = (result,) if isinstance(result, Tensor) else result
            for (slot, strides), tensor in zip(slots, found, strict=True) if slots else ():
                value = tensor.float()
                if value.stride() != strides:
                    kept = torch.empty_strided(value.shape, strides)
                    value = kept.copy_(value)
                if slot.is_needed:
                    slot.fill(table, value)

        return run

    def _result(self, tensor: Tensor) -> Callable[[], Tensor]:
        return self._current(tensor) or (lambda: tensor)


__all__ = ["NotRecordable", "Tape"]
