"""A processor without AVX gets a sentence instead of an illegal instruction."""

import ctypes
from types import SimpleNamespace

import pytest

from streamer.runtime.cpu import ProcessorError, check_cpu


@pytest.mark.parametrize(
    ("machine", "flags", "refused"),
    [
        ("x86_64", "fpu sse4_2 xsave", True),
        ("AMD64", "fpu sse4_2 xsave", True),
        ("x86_64", "fpu sse4_2 avx avx2", False),
        ("x86_64", None, False),  # the system does not tell
        ("aarch64", "fp asimd", False),
    ],
)
def test_an_x86_processor_without_avx_is_refused_on_linux(tmp_path, machine, flags, refused):
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        cpuinfo.write_text(f"processor : 0\nmodel name : avx\nflags : {flags}\nbugs : none\n")
    if refused:
        with pytest.raises(ProcessorError) as caught:
            check_cpu(machine, "linux", cpuinfo)
        assert str(caught.value).startswith("This processor has no AVX instructions, ")
    else:
        check_cpu(machine, "linux", cpuinfo)


@pytest.mark.parametrize("has_avx", [True, False])
def test_windows_and_macos_are_asked_in_their_own_ways(monkeypatch, has_avx):
    asked = []

    def is_present(feature):
        asked.append(feature)
        return int(has_avx)

    def sysctl(name, value, _size, _new, _length):
        asked.append(name)
        value._obj.value = int(has_avx)
        return 0

    kernel32 = SimpleNamespace(IsProcessorFeaturePresent=is_present)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel32), raising=False)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(sysctlbyname=sysctl))
    for system, machine in (("win32", "AMD64"), ("darwin", "x86_64")):
        if has_avx:
            check_cpu(machine, system)
        else:
            with pytest.raises(ProcessorError):
                check_cpu(machine, system)
    assert asked == [39, b"hw.optional.avx1_0"]
    check_cpu("arm64", "darwin")
    assert len(asked) == 2


def test_this_machine_is_not_refused():
    check_cpu()
