"""Libraries that cannot open their own files are told before they are imported."""

from pathlib import Path

import pytest

from streamer.runtime.package_path import PackagePathError, check_package_path


def test_a_folder_with_other_letters_is_refused_on_windows_alone():
    folder = Path("C:/Users/성준/kagami/Lib/site-packages/mediapipe")
    with pytest.raises(PackagePathError) as caught:
        check_package_path("win32", folder)
    assert str(folder) in str(caught.value) and str(caught.value).endswith("such as C:\\kagami.")
    check_package_path("linux", folder)
    check_package_path("darwin", folder)
    check_package_path("win32", Path("C:/Program Files/kagami"))


def test_this_installation_is_looked_at_without_an_import():
    if Path(pytest.__file__).as_posix().isascii():
        check_package_path("win32")
    check_package_path()
