"""Whether the libraries lie in a folder from which they can open their own files."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from streamer.errors import KagamiError


class PackagePathError(KagamiError):
    """MediaPipe cannot open its models, see https://github.com/google-ai-edge/mediapipe/issues/5149."""

    code = "package-path"

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"MediaPipe cannot open its models in {folder}, because Windows gives it only English letters of a path: "
            "install Kagami in a virtual environment elsewhere, such as C:\\kagami."
        )


def check_package_path(system: str = sys.platform, folder: Path | None = None) -> None:
    """Raises PackagePathError on Windows, where MediaPipe's folder has other than ASCII characters in its path.

    system: as `sys.platform`. folder: None: where MediaPipe is installed. Imports nothing.
    """
    if system != "win32":
        return
    if folder is None:
        spec = find_spec("mediapipe")
        if spec is None or spec.origin is None:
            return  # its import will tell
        folder = Path(spec.origin).parent
    if not str(folder).isascii():
        raise PackagePathError(folder)
