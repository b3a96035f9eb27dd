"""The names of accelerators, and what the worker loads for them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edged.errors import ConfigError
from edged.inference.accelerators import CPU, Accelerator, in_order, parse
from edged.keys import AcceleratorName
from edged.sections import Inference

NAMES = ("cpu", "edgetpu", "edgetpu:1", "edgetpu:usb", "edgetpu:usb:0", "edgetpu:pci:12")


def test_the_cpu_needs_no_library() -> None:
    assert parse("cpu") == CPU == Accelerator("cpu", "cpu", None, ())


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("edgetpu", ""),
        ("edgetpu:0", ":0"),
        ("edgetpu:usb", "usb"),
        ("edgetpu:usb:0", "usb:0"),
        ("edgetpu:usb:07", "usb:7"),
        ("edgetpu:pci", "pci"),
        ("edgetpu:pci:1", "pci:1"),
    ],
)
def test_an_edge_tpu_is_named_as_libedgetpu_names_devices(name: str, device: str) -> None:
    expected = Accelerator(name, "edgetpu", "libedgetpu.so.1", (("device", device),))
    assert parse(name) == expected


@pytest.mark.parametrize(
    ("name", "device"),
    [("edgetpu", ":0"), ("edgetpu:usb", "usb:0"), ("edgetpu:pci:1", "pci:1")],
)
def test_a_performance_needs_an_index(name: str, device: str) -> None:
    options = (("device", device), ("Performance", "Low"))
    assert parse(name, performance="low").options == options


@pytest.mark.parametrize(
    ("name", "library", "options"),
    [
        ("delegate:/opt/libnpu.so", "/opt/libnpu.so", ()),
        ("delegate:libnpu.so", "libnpu.so", ()),
        ("delegate:/a b/c=d.so?x=1", "/a b/c=d.so", (("x", "1"),)),
        ("delegate:n.so?x=&yy=a=b", "n.so", (("x", ""), ("yy", "a=b"))),
    ],
)
def test_another_delegate_is_a_library_with_options(
    name: str, library: str, options: tuple[tuple[str, str], ...]
) -> None:
    assert parse(name) == Accelerator(name, "delegate", library, options)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("edgtpu", "'edgtpu': there is no such one, did you mean \"edgetpu\"?"),
        ("EDGETPU:USB", 'did you mean "edgetpu:usb"?'),
        ("edgetpu::0", 'did you mean "edgetpu:0"?'),
        ("usb:0", 'did you mean "edgetpu:usb:0"?'),
        ("edgetpu:usb:-1", 'did you mean "edgetpu:usb:1"?'),
        ("CPU", 'did you mean "cpu"?'),
        ("gpu", 'did you mean "cpu"?'),
        ("", "expected cpu, edgetpu, edgetpu:usb:0, edgetpu:pci:0 or delegate:/path/"),
        ("delegate:", "expected cpu, edgetpu"),
        ("delegate:lib.so?", "expected cpu, edgetpu"),
        ("delegate:lib.so?x", "expected options as key=value&key=value, got 'x'"),
        ("delegate:lib.so?x=1&&y=2", "expected options as key=value&key=value, got ''"),
        ("delegate:lib.so?x=1&x=2", "x is there twice"),
        ("x" * 1000, f"'{'x' * 60}'...: there is no such one"),
    ],
)
def test_what_is_no_name_is_told_in_a_line(name: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(name)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@given(st.text(alphabet="cpuedgtusb:0129\n٣", max_size=16) | st.sampled_from(NAMES))
def test_the_configuration_takes_what_has_a_meaning(name: str) -> None:
    try:
        msgspec.convert(name, AcceleratorName)
    except msgspec.ValidationError:
        with pytest.raises(ConfigError):
            parse(name)
    else:
        assert parse(name).name == name


@given(st.from_regex(r"delegate:[^?]{0,3}(\?[a=&]{0,6})?", fullmatch=True))
def test_the_configuration_takes_delegates_that_have_a_meaning(name: str) -> None:
    try:
        parse(name)
    except ConfigError as error:
        if "twice" in str(error):
            return
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(name, AcceleratorName)
    else:
        msgspec.convert(name, AcceleratorName)


def test_the_order_is_the_configured_one() -> None:
    settings = Inference(
        accelerators=("edgetpu:usb", "cpu"), edgetpu_library="/opt/lib.so", performance="high"
    )
    options = (("device", "usb:0"), ("Performance", "High"))
    assert in_order(settings) == (
        Accelerator("edgetpu:usb", "edgetpu", "/opt/lib.so", options),
        CPU,
    )
