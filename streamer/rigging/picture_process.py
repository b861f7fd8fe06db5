"""Decodes uploaded pictures, and finds the characters in them, in processes that cannot harm the live avatars."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from streamer.errors import EngineClosedError, KagamiError
from streamer.options import LARGEST_PERSON
from streamer.rigging.picture import Picture, PictureError, load_picture
from streamer.runtime.address_space import limit_address_space
from streamer.runtime.call_watch import WAIT_STEP_S
from streamer.runtime.native_logs import filter_native_logs
from streamer.runtime.priority import UPLOAD_NICENESS, lower_process_priority
from streamer.runtime.worker_process import WorkerProcess

if TYPE_CHECKING:
    from streamer.rigging.backdrop import Backdrop
    from streamer.rigging.framing import Framing
    from streamer.rigging.likeness import Appearance
    from streamer.rigging.points import Points
    from streamer.rigging.rigger import Character
    from streamer.rigging.scene import FoundScene

MAX_ADDRESS_BYTES = 768 * 2**20  # that decoding one picture may map, beside what its process has mapped at its start
STILL_TIMEOUT_S = 2.0  # without processor time, after which a step is taken for stopped and done once more
TIMEOUT_S = 60.0  # for one picture to be decoded, or its character to be found, on a busy machine
_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


class PictureProcess:
    """Starts a process for each step of an upload, one at a time, at low priority, and ends it with its answer.

    So nothing of a picture competes for the server's interpreter, what decoding needed goes back to the system, and a
    picture that crashes or fills its process is one sentence. max_address_bytes: of memory for decoding, see
    `limit_address_space`.
    """

    def __init__(self, max_address_bytes: int = MAX_ADDRESS_BYTES) -> None:
        self._max_address_bytes = max_address_bytes
        self._one_at_a_time = threading.Lock()
        self._guard = threading.Lock()  # guards the two below
        self._worker: WorkerProcess | None = None
        self._closed = False

    def load(self, data: bytes, name: str = "") -> Picture:
        """`load_picture` of an upload. name: for messages. Blocks.

        Raises PictureError, EngineClosedError once it is closed.
        """
        picture: Picture = self._call(partial(_Steps, self._max_address_bytes), "load", data, name)
        return picture

    def find(
        self,
        picture: Picture,
        size: int,
        points: Points | None = None,
        framing: Framing | None = None,
        person: str = LARGEST_PERSON,
    ) -> Character:
        """`find_character`. Blocks. Raises NoFaceError, PersonError, PointsError, PictureError, EngineClosedError."""
        character: Character = self._call(_Steps, "find", picture, size, points, framing, person)
        return character

    def find_scene(self, picture: Picture, size: int, framing: Framing | None = None) -> FoundScene:
        """`find_scene`. Blocks. Raises NoFaceError, PictureError, EngineClosedError."""
        found: FoundScene = self._call(_Steps, "find_scene", picture, size, framing)
        return found

    def find_view(self, picture: Picture, size: int, known: Sequence[Appearance]) -> Character:
        """`find_view`. Blocks. Raises ViewError, PictureError, EngineClosedError."""
        character: Character = self._call(_Steps, "find_view", picture, size, known)
        return character

    def load_backdrop(self, data: bytes) -> Backdrop:
        """`load_backdrop` of an upload. Blocks. Raises BackdropError, PictureError, EngineClosedError."""
        from streamer.rigging.backdrop import load_backdrop  # noqa: PLC0415 - FFmpeg, not needed for pictures

        backdrop: Backdrop = self._call(partial(_Steps, self._max_address_bytes), "do", load_backdrop, data)
        return backdrop

    def do(self, work: Callable[..., Answer], *arguments: object) -> Answer:
        """The answer of a function of a module, given these arguments, all picklable. Blocks. Raises its KagamiErrors,
        PictureError, EngineClosedError.
        """
        answer: Answer = self._call(_Steps, "do", work, *arguments)
        return answer

    def close(self) -> None:
        """Kill the process; calls that wait or come later raise EngineClosedError. May be called again."""
        with self._guard:
            self._closed = True
            if self._worker is not None:
                self._worker.kill()

    def _call(self, make: Callable[[], Any], name: str, *arguments: Any) -> Any:
        """The answer of a step in a process of its own, or of a second one if the first stands still."""
        try:
            return self._call_once(make, name, *arguments)
        except _StandsStillError:
            _log.warning("a picture's process stands still and is replaced")
            return self._call_once(make, name, *arguments)

    def _call_once(self, make: Callable[[], Any], name: str, *arguments: Any) -> Any:
        with self._one_at_a_time:
            with self._guard:
                if self._closed:
                    raise EngineClosedError
                worker = self._worker = WorkerProcess(make, "picture")
            try:
                call = worker.submit(name, *arguments)
                while not worker.wait(call, WAIT_STEP_S):
                    if worker.still_s > STILL_TIMEOUT_S:
                        raise _StandsStillError
                    if worker.silent_s > TIMEOUT_S:
                        raise PictureError("The picture takes too long to be read: scale it down.")
                answer = call.result()
            except (EOFError, OSError) as error:
                if self._closed:
                    raise EngineClosedError from error
                raise PictureError("The picture cannot be read by this server: save it as another PNG.") from error
            finally:
                with self._guard:
                    self._worker = None
                worker.close(0.0)
        if isinstance(answer, _Refusal):
            raise answer.kind.__new__(answer.kind, answer.sentence)  # without `__init__`, which would word it anew
        return answer


class _StandsStillError(PictureError):
    """The process of a step is stopped, or waits for something that does not come."""

    def __init__(self) -> None:
        super().__init__("The picture cannot be read at present, since its process stands still: try again.")


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An error for the user, as it is sent between processes."""

    kind: type[KagamiError]
    sentence: str


class _Steps:
    """The work, in its process. Errors for the user are returned, since an exception would end the process."""

    def __init__(self, max_address_bytes: int | None = None) -> None:
        lower_process_priority(UPLOAD_NICENESS)
        filter_native_logs()
        if max_address_bytes is not None:
            limit_address_space(max_address_bytes)

    def load(self, data: bytes, name: str) -> Picture | _Refusal:
        return _answer(lambda: load_picture(data, name))

    def do(self, work: Callable[..., Answer], *arguments: object) -> Answer | _Refusal:
        return _answer(lambda: work(*arguments))

    def find(
        self, picture: Picture, size: int, points: Points | None, framing: Framing | None, person: str
    ) -> Character | _Refusal:
        from streamer.rigging.rigger import find_character  # noqa: PLC0415 - torch and MediaPipe, not needed to decode

        return _answer(lambda: find_character(picture, size, points, framing, person))

    def find_scene(self, picture: Picture, size: int, framing: Framing | None) -> FoundScene | _Refusal:
        from streamer.rigging.scene import find_scene  # noqa: PLC0415 - as above

        return _answer(lambda: find_scene(picture, size, framing))

    def find_view(self, picture: Picture, size: int, known: Sequence[Appearance]) -> Character | _Refusal:
        from streamer.rigging.views import find_view  # noqa: PLC0415 - as above

        return _answer(lambda: find_view(picture, size, known))


def _answer(work: Callable[[], Answer]) -> Answer | _Refusal:
    try:
        return work()
    except KagamiError as error:
        return _Refusal(type(error), str(error))
    except MemoryError:
        return _Refusal(PictureError, "The picture needs too much memory to be read: scale it down.")
