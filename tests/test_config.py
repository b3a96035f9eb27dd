"""The configuration file: what it may say, what is told about it, where secrets come from."""

# ruff: noqa: S105, S106 (no real passwords here)

from __future__ import annotations

import os
import random
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import inspect
from msgspec.structs import replace
from somebody import an_ordinary_user, open_folder

from edged import toml
from edged.config import (
    FILE_BYTES,
    Config,
    debug_wanted,
    device_name,
    dump,
    load,
    masked,
    outbox_file,
)
from edged.errors import ConfigError
from edged.masking import MASK
from edged.sections import Camera, Device, Mqtt, Outbox

DEFAULTS = Path(__file__).parents[1] / "config" / "edged.toml"
Write = Callable[[str | bytes], Path]
INVALID = "line 2, column 10: not TOML: invalid value"
BOOLEAN = "expected true or false, in small letters and without quotes"
OPEN = "text ends on its line with the quote that it began with"
MORE = "not TOML: expected newline or end of document after a statement"


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "edged.toml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def refusal(path: Path) -> str:
    """What is told of a file; nothing of one that is fine."""
    try:
        assert isinstance(load(path), Config)
    except ConfigError as error:
        return str(error)
    return ""


def errors(path: Path) -> list[str]:
    """What is wrong with a file, without the file's name."""
    lines = refusal(path).split("\n")
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


# The file that comes with edged


def test_the_file_that_comes_with_edged_is_the_defaults() -> None:
    assert load(DEFAULTS) == load(None) == Config()


def test_the_file_that_comes_with_edged_names_every_key_in_order() -> None:
    named = [(section, list(keys)) for section, keys in tomllib.loads(DEFAULTS.read_text()).items()]
    assert named == [
        (field.name, list(field.type.__struct_fields__)) for field in msgspec.structs.fields(Config)
    ]


def test_the_file_that_comes_with_edged_explains_every_range() -> None:
    text = DEFAULTS.read_text()
    for section in msgspec.structs.fields(Config):
        for field in msgspec.structs.fields(section.type):
            match inspect.type_info(field.type):
                case inspect.LiteralType(values=values):
                    choices = [toml.emit(value) for value in values if value is not None]
                    explained = all(choice in text for choice in choices)
                case inspect.FloatType(ge=low, le=high) if low is not None and high is not None:
                    explained = f"({low:g}-{high:g})" in text
                case _:
                    explained = True
            assert explained, f"[{section.name}] {field.name}"


# Values


def test_a_key_that_is_left_out_has_its_default(write: Write) -> None:
    config = load(write('[mqtt]\nhost = "broker.lan"\n[camera]\nrotate = 90\n'))
    assert config == Config(mqtt=Mqtt(host="broker.lan"), camera=Camera(rotate=90))


@pytest.mark.parametrize(
    "content", ["", "\n\n", "# nothing\n", "[mqtt]\n", b"\xef\xbb\xbf[mqtt]\r\n"]
)
def test_a_file_may_be_empty_or_from_a_windows_editor(write: Write, content: str | bytes) -> None:
    assert load(write(content)) == Config()


def test_an_integer_is_a_number_too(write: Write) -> None:
    config = load(write("[camera]\nfps = 15\n"))
    assert config.camera.fps == 15.0
    assert isinstance(config.camera.fps, float)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('[mqtt]\nport = "abc"', '[mqtt] port: expected an integer 1-65535, got "abc"'),
        ("[mqtt]\nport = 0", "[mqtt] port: expected an integer 1-65535, got 0"),
        ("[mqtt]\nport = 1883.0", "[mqtt] port: expected an integer 1-65535, got 1883.0"),
        ("[mqtt]\nport = true", "[mqtt] port: expected an integer 1-65535, got true"),
        ("[mqtt]\nport = []", "[mqtt] port: expected an integer 1-65535, got a list"),
        ("[mqtt]\nport = {}", "[mqtt] port: expected an integer 1-65535, got a section"),
        ("[mqtt]\nport = 07:30:00", "[mqtt] port: expected an integer 1-65535, got a date or time"),
        (
            f"[mqtt]\nport = 1{'0' * 999}",
            "expected an integer 1-65535, got an integer of 3319 bits",
        ),
        ("[pose]\nmin_score = 1.5", "[pose] min_score: expected a number 0-1, got 1.5"),
        ("[pose]\nmin_score = nan", "[pose] min_score: expected a number 0-1, got nan"),
        ("[camera]\nfps = inf", "[camera] fps: expected a number 0.1-10000, got inf"),
        ("[camera]\nfps = 1e400", "[camera] fps: expected a number 0.1-10000, got inf"),
        (
            f"[camera]\nfps = 1{'0' * 999}",
            "expected a number 0.1-10000, got an integer of 3319 bits",
        ),
        ("[camera]\nloop = 1", "[camera] loop: expected true or false, got 1"),
        ("[camera]\nrotate = 45", "[camera] rotate: expected one of 0, 90, 180, 270, got 45"),
        ("[camera]\nrotate = false", "[camera] rotate: expected one of 0, 90, 180, 270, got false"),
        (
            '[camera]\npace = "slow"',
            '[camera] pace: expected one of "fast", "realtime", got "slow"',
        ),
        (
            '[device]\nname = "my pi"',
            'expected at most 64 letters (a-z, A-Z), digits, "_" and "-", got "my pi"',
        ),
        ('[device]\nname = "pi\\n"', 'got "pi\\u000a"'),
        (
            '[mqtt]\nhost = "mqtt://lan"',
            'expected the name or address of a machine, without scheme and port, got "mqtt://lan"',
        ),
        ('[mqtt]\nhost = "lan:1883"', 'without scheme and port, got "lan:1883"'),
        ('[mqtt]\nhost = ""', 'without scheme and port, got ""'),
        ('[mqtt]\nprefix = "a/#"', 'with "/" between the levels, got "a/#"'),
        ('[mqtt]\nprefix = "a//b"', 'with "/" between the levels, got "a//b"'),
        ('[mqtt]\nprefix = "$SYS"', 'with "/" between the levels, got "$SYS"'),
        (
            '[mqtt]\nca_file = "\\u0000"',
            '[mqtt] ca_file: expected text in quotes without control characters, got "\\u0000"',
        ),
        (
            '[inference]\naccelerators = ["edgtpu", "cpu"]',
            'or "delegate:/path/lib.so?key=value", got "edgtpu", did you mean "edgetpu"?',
        ),
        (
            "[inference]\naccelerators = [1]",
            'or "delegate:/path/lib.so?key=value", got 1',
        ),
        (
            '[inference]\naccelerators = "cpu"',
            '[inference] accelerators: expected a list of 1-8 accelerators, got "cpu"',
        ),
        (
            "[inference]\naccelerators = []",
            "[inference] accelerators: expected a list of 1-8 accelerators, got a list",
        ),
        (
            '[mqtt]\nfallbacks = ["mqtt://b.home"]',
            'or "[fd00::2]:8883", without scheme and user, got "mqtt://b.home"',
        ),
        (
            '[mqtt]\nfallbacks = ["b.home:65536"]',
            'or "[fd00::2]:8883", without scheme and user, got "b.home:65536"',
        ),
        (
            '[mqtt]\nfallbacks = ["mqtt://gym:secret@b.home"]',
            'without scheme and user, got "mqtt://gym:********@b.home"',
        ),
        (
            '[mqtt]\nfallbacks = "b.home"',
            '[mqtt] fallbacks: expected a list of 0-8 brokers, got "b.home"',
        ),
        (
            '[mqtt]\nfallbacks = ["127.0.0.1:1883"]',
            '[mqtt] fallbacks: expected brokers other than the first, got "127.0.0.1:1883"',
        ),
        (
            '[mqtt]\nfallbacks = ["b.home", "b.home"]',
            '[mqtt] fallbacks: expected each fallback once, got "b.home" more often',
        ),
        (
            '[inference]\naccelerators = ["cpu", "edgetpu", "cpu"]',
            'expected each accelerator once, got "cpu" more often',
        ),
        (f'[mqtt]\nca_file = "{"x" * 5000}"', f'got "{"x" * 60}"...'),
    ],
)
def test_a_wrong_value_is_told_with_what_was_expected(write: Write, line: str, told: str) -> None:
    (error,) = errors(write(line))
    assert error.endswith(told)


def test_of_every_key_is_told_what_it_may_hold(write: Write) -> None:
    keys = re.sub(r"^(\w+) = .*$", r"\1 = 07:30:00", DEFAULTS.read_text(), flags=re.MULTILINE)
    told = errors(write(keys))
    assert len(told) == sum(len(section) for section in tomllib.loads(keys).values())
    assert all(re.fullmatch(r"\[\w+\] \w+: expected .+, got a date or time.*", e) for e in told)


def test_a_section_can_only_have_keys_that_can_be_explained() -> None:
    broken = msgspec.defstruct("Broken", [("key", str, "")], frozen=True)
    shape = msgspec.defstruct("Shape", [("section", broken, broken())])
    with pytest.raises(TypeError, match="keys hold described text"):
        toml.read("[section]\nkey = 1", shape)


def test_an_ipv6_broker_and_a_deep_prefix_are_fine(write: Write) -> None:
    mqtt = load(write('[mqtt]\nhost = "fe80::1%eth0"\nprefix = "haus/küche.1/pi_2"\n')).mqtt
    assert (mqtt.host, mqtt.prefix) == ("fe80::1%eth0", "haus/küche.1/pi_2")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[mqtt]\nprot = 1", '[mqtt] prot: unknown key, did you mean "port"?'),
        ("[mqtt]\nfps = 1", "[mqtt] fps: unknown key, did you mean [camera] fps?"),
        (
            "[log]\nmodel = 1",
            "[log] model: unknown key, did you mean [pose] model or [labels] model?",
        ),
        ("[log]\nzzz = 1", "[log] zzz: unknown key, expected one of level"),
        ("[mqt]\nport = 1", '[mqt]: unknown section, did you mean "mqtt"?'),
        ("[[mqt]]\nport = 1", '[mqt]: unknown section, did you mean "mqtt"?'),
        ("[[mqtt]]\nport = 1", "[mqtt]: expected a section of keys, got a list"),
        ('mqtt = "hunter2"', "[mqtt]: expected a section of keys, got text"),
        ("[zzz]", "[zzz]: unknown section, expected one of device, camera, inference"),
        (
            "port = 1",
            "port: unknown key outside of every section, did you mean [mqtt] port or [metrics]",
        ),
        ("zzz = 1", "zzz: unknown key outside of every section, expected a section above it"),
        ('[log]\n"a\\nb" = 1', '[log] "a\\u000ab": unknown key, expected one of level'),
        (f"[log]\n{'x' * 900} = 1", f'[log] "{"x" * 60}"...: unknown key, expected one of level'),
    ],
)
def test_an_unknown_name_is_told_with_the_one_that_was_meant(
    write: Write, text: str, told: str
) -> None:
    (error,) = errors(write(text))
    assert error.startswith(told)


def test_everything_that_is_wrong_is_told_at_once(write: Write) -> None:
    path = write(
        '[mqtt]\nport = "abc"\nprot = 1\nkey_file = "key.pem"\ntls = true\n'
        '[camera]\nfps = 0\n[cam]\n[pose]\nmodel = ""\n'
    )
    assert errors(path) == [
        '[mqtt] port: expected an integer 1-65535, got "abc"',
        '[mqtt] prot: unknown key, did you mean "port"?',
        "[camera] fps: expected a number 0.1-10000, got 0",
        '[cam]: unknown section, did you mean "camera"?',
        "[mqtt] cert_file: expected a file, because key_file is set; got none",
        "[pose] model: expected a model here or in [labels], got none",
    ]


# Keys that do not go together


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[mqtt]\ntls = true\ncert_file = "c"',
            "[mqtt] key_file: expected a file, because cert_file is set; got none",
        ),
        ('[mqtt]\nca_file = "ca"', "[mqtt] tls: expected true, because ca_file is set; got false"),
        (
            '[mqtt]\ncert_file = "c"\nkey_file = "k"',
            "[mqtt] tls: expected true, because cert_file is set; got false",
        ),
        (
            '[mqtt]\npassword = "p"',
            "[mqtt] username: expected a name, because password is set; got none",
        ),
        (
            "[camera]\nblue_gain = 1.5",
            "[camera] red_gain: expected a number above 0, because blue_gain is set; got 0",
        ),
        (
            '[camera]\nred_gain = 2\nblue_gain = 1.5\nawb = "auto"',
            '[camera] awb: expected "default", because red_gain and blue_gain are set; got "auto"',
        ),
        ('[pose]\nmodel = ""', "[pose] model: expected a model here or in [labels], got none"),
    ],
)
def test_a_contradiction_is_told(write: Write, text: str, told: str) -> None:
    assert errors(write(text)) == [told]


def test_a_key_that_is_wrong_contradicts_nothing(write: Write) -> None:
    assert errors(write('[mqtt]\ntls = "yes"\nca_file = "ca.pem"\n')) == [
        '[mqtt] tls: expected true or false, got "yes"'
    ]


def test_labels_alone_are_enough(write: Write) -> None:
    assert load(write('[pose]\nmodel = ""\n[labels]\nmodel = "m"\n')).pose.model == ""


# Files


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[mqtt]\nport == 1", "line 2, column 7: not TOML: invalid value, text needs quotes"),
        (
            "[mqtt]\nhost = broker.lan",
            "line 2, column 8: not TOML: invalid value, text needs quotes",
        ),
        ("[camera]\npaused = yes", f"{INVALID}, {BOOLEAN}"),
        ("[camera]\npaused = True # now", f"{INVALID}, {BOOLEAN}"),
        ("[camera]\nsource = nothing", f"{INVALID}, text needs quotes"),
        (
            "[camera]\nfps    = 30,0\n",
            f"line 2, column 12: {MORE}, a decimal point is a point: 30.5",
        ),
        ("[camera]\nfps    = .5", f"{INVALID}, a decimal point stands between digits: 0.5"),
        ("[camera]\nfps    = 007", f"line 2, column 11: {MORE}, a number does not begin with 0"),
        (
            "[camera]\nsource = \N{LEFT DOUBLE QUOTATION MARK}a\N{RIGHT DOUBLE QUOTATION MARK}",
            f'{INVALID}, text needs straight quotes: "like this"',
        ),
        (
            '[camera]\nsource = "a\nfps = 3',
            f"line 2, column 12: not TOML: illegal character '\\n', {OPEN}",
        ),
        ("[mqtt\n", "line 1, column 6: not TOML: expected ']' at the end of a table declaration"),
        ("a = 1\na = 2\n", "line 2, column 6: not TOML: cannot overwrite a value"),
        ("a = [", "end of document: not TOML: invalid value, text needs quotes"),
        ("a = " + "[" * 9999, "syntax: not TOML: nested too deeply"),
        ("a = " + "9" * 9999, "syntax: not TOML: an integer has too many digits"),
        ("a = '\0'", "line 1, column 6: not TOML: found invalid character '\\x00'"),
        (b"a = 1\nb = '\xff'\n", "line 2: expected UTF-8 text, got byte 0xff"),
        (b"#" * (FILE_BYTES + 1), f"expected at most {FILE_BYTES} bytes, got more"),
    ],
)
def test_a_file_that_is_no_toml_is_told_with_the_place(
    write: Write, content: str | bytes, told: str
) -> None:
    (error,) = errors(write(content))
    assert error.startswith(told)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert errors(tmp_path / "missing") == ["no such file or directory"]
    assert errors(tmp_path) == ["expected a file, got a directory, pipe or device"]
    assert errors(pipe) == ["expected a file, got a directory, pipe or device"]
    assert errors(Path("/dev/zero")) == ["expected a file, got a directory, pipe or device"]
    assert errors(tmp_path / ("x" * 300)) == ["file name too long"]
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert errors(loop) == ["too many levels of symbolic links"]


# Secrets


def test_the_password_is_that_of_the_configuration(write: Write) -> None:
    assert load(write('[mqtt]\nusername = "u"\npassword = "p"\n')).mqtt.password == "p"


@pytest.mark.parametrize("content", ["s3 krét", "s3 krét\n", "s3 krét\r\n"])
def test_the_password_is_that_of_its_file(write: Write, tmp_path: Path, content: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text(content)
    mqtt = load(write(f'[mqtt]\nusername = "u"\npassword_file = "{secret}"\n')).mqtt
    assert (mqtt.password, mqtt.password_file) == ("s3 krét", str(secret))


def test_a_credential_of_systemd_comes_before_the_password(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write('[mqtt]\nusername = "u"\npassword = "p"\n')
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load(path).mqtt.password == "p"
    (tmp_path / "mqtt_password").write_text("c\n")
    assert load(path).mqtt.password == "c"


def test_the_password_of_a_service_is_found_beside_its_file(write: Write, tmp_path: Path) -> None:
    path = write('[mqtt]\nusername = "u"\npassword = "p"\n')
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "mqtt_password").write_text("c\n")
    assert load(path).mqtt.password == "c"


def test_what_only_root_may_read_is_told_with_sudo() -> None:
    with open_folder() as folder:
        path, hidden = folder / "edged.toml", folder / "credentials"
        hidden.mkdir(0o000)
        path.write_text('[mqtt]\nusername = "u"\n')
        with an_ordinary_user(), pytest.raises(ConfigError) as caught:
            load(path)
        assert f"{hidden}/mqtt_password: permission denied: try it with sudo" in str(caught.value)
        path.write_text('[mqtt]\nusername = "u"\npassword = "p"\n')
        with an_ordinary_user():
            assert load(path).mqtt.password == "p"
        path.chmod(0o000)
        with an_ordinary_user(), pytest.raises(ConfigError, match=r"denied: try it with sudo$"):
            load(path)


def test_the_service_itself_is_not_told_to_use_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/edged")
    with open_folder() as folder:
        path = folder / "edged.toml"
        path.touch(0o000)
        with an_ordinary_user(), pytest.raises(ConfigError, match=r"permission denied$"):
            load(path)


def test_a_password_file_comes_before_the_credential(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "mqtt_password").write_text("c")
    (tmp_path / "secret").write_text("s")
    path = write(f'[mqtt]\nusername = "u"\npassword_file = "{tmp_path / "secret"}"\n')
    assert load(path).mqtt.password == "s"


@pytest.mark.parametrize("blank", ["", "\n"])
def test_a_blank_credential_is_none(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank: str
) -> None:
    path = write('[mqtt]\nusername = "u"\npassword = "p"\n')
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "mqtt_password").write_text(blank)
    assert load(path).mqtt.password == "p"


def test_a_credential_without_a_user_name_is_left_alone(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "mqtt_password").write_text("c")
    assert load(write("")).mqtt.password == ""


def test_password_and_password_file_exclude_each_other(write: Write, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    path = write(
        f'[mqtt]\nusername = "u"\npassword = "p"\npassword_file = "{tmp_path / "secret"}"\n'
    )
    assert errors(path) == [
        "[mqtt] password_file: expected either password or password_file, got both"
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no such file or directory"),
        (b"", "expected a password, got an empty file"),
        (b"\n\n", "expected a password, got an empty file"),
        (b"one\ntwo\n", "expected one line of text, got more lines or other characters"),
        (b"\0", "expected one line of text, got more lines or other characters"),
        (b"\xff", "line 1: expected UTF-8 text, got byte 0xff"),
        (b"x" * 65_536, "expected at most 65535 bytes, got more"),
    ],
)
def test_a_secret_that_cannot_be_used_is_told(
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes | None,
    told: str,
) -> None:
    secret = tmp_path / "mqtt_password"
    if content is not None:
        secret.write_bytes(content)
    path = write(f'[mqtt]\nusername = "u"\npassword_file = "{secret}"\n')
    assert errors(path) == [f"[mqtt] password_file: {secret}: {told}"]
    if content is not None and content.strip():
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        path = write('[mqtt]\nusername = "u"\n')
        assert errors(path) == [f"[mqtt] password: {secret}: {told}"]


@pytest.mark.parametrize(
    "text",
    [
        "[mqtt]\npassword = 12345678\n",
        '[mqtt]\npassword = "12345678\\u0000"\n',
        '[mqtt]\npasword = "12345678"\n',
        '[camera]\nsource = "rtsp://u:12345678@cam\\n"\n',
        'mqtt = "12345678"\n',
        'password = "12345678"\n',
        '[mqtt]\nhost = "mqtt://user:12345678@broker"\n',
        '[mqtt]\nhost = "user:%s12345678@broker"\n' % ("x" * 60),
        '[mqtt]\nprefix = "?token=12345678"\n',
        '[mqtt]\n"mqtt://user:12345678@broker" = 1\n',
        '[device]\nname = "u:12345678@cam"\n',
    ],
)
def test_no_error_tells_a_secret(write: Write, text: str) -> None:
    assert "1234" not in "".join(errors(write(text)))


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("/dev/video0", "/dev/video0"),
        ("rtsp://cam/1", "rtsp://cam/1"),
        ("rtsp://cam:554/1", "rtsp://cam:554/1"),
        ("rtsp://u@cam/1", "rtsp://u@cam/1"),
        ("rtsp://u:p@cam/1", f"rtsp://u:{MASK}@cam/1"),
        (" rtsp://u:p@cam", f" rtsp://u:{MASK}@cam"),
        ("rtsp://u:p/q@r@cam/1", f"rtsp://u:{MASK}@cam/1"),
        ("http://cam/1?user=u&password=p&x=1", f"http://cam/1?user=u&password={MASK}&x=1"),
    ],
)
def test_what_is_shown_has_no_secret(source: str, shown: str) -> None:
    config = Config(camera=Camera(source=source), mqtt=Mqtt(username="u", password="hunter2"))
    expected = replace(
        config, camera=Camera(source=shown), mqtt=replace(config.mqtt, password=MASK)
    )
    assert masked(config) == expected


def test_no_password_is_shown_as_none() -> None:
    assert masked(Config()) == Config()


# Writing


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Everything that a key may hold."""
    kind = inspect.type_info(annotation)
    match kind.type if isinstance(kind, inspect.Metadata) else kind:
        case inspect.LiteralType(values=choices):
            return st.sampled_from(choices)
        case inspect.BoolType():
            return st.booleans()
        case inspect.IntType(ge=low, le=high):
            return st.integers(low, high)
        case inspect.FloatType(ge=low, le=high):
            return st.floats(low, high)
        case inspect.StrType(pattern=str(pattern), max_length=length):
            return st.from_regex(pattern).filter(lambda text: length is None or len(text) <= length)
        case inspect.VarTupleType(min_length=low, max_length=high):
            (item, _) = get_args(get_args(annotation)[0])
            texts = st.lists(
                values(item), min_size=low or 0, max_size=min(high or 2, 2), unique=True
            )
            return texts.map(tuple)
    raise AssertionError(kind)


def sections(shape: Any) -> st.SearchStrategy[Any]:
    return st.builds(
        shape, **{field.name: values(field.type) for field in msgspec.structs.fields(shape)}
    )


def consistent(config: Config) -> Config:
    """The same without contradictions."""
    files = {"cert_file": "c", "key_file": "k"} if config.mqtt.cert_file else {"key_file": ""}
    mqtt = replace(config.mqtt, password_file="", username=config.mqtt.username or "u", tls=True)
    first = mqtt.host, f"{mqtt.host}:{mqtt.port}"
    mqtt = replace(mqtt, fallbacks=tuple(one for one in mqtt.fallbacks if one not in first)[:1])
    pose = replace(config.pose, model=config.pose.model or "m")
    camera = config.camera
    if camera.awb != "default" or not (camera.red_gain and camera.blue_gain):
        camera = replace(camera, red_gain=0.0, blue_gain=0.0)
    return replace(config, camera=camera, mqtt=replace(mqtt, **files), pose=pose)


configs = st.builds(
    Config, **{field.name: sections(field.type) for field in msgspec.structs.fields(Config)}
).map(consistent)


@given(configs)
@example(Config())
def test_what_is_written_is_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, config: Config
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.toml"
    path.write_text(dump(config), encoding="utf-8")
    assert load(path) == config


# Fuzz

VALUES = r"""
1 -1 0 65536 1.5 nan -inf 1e999 0xff true false [] {} [1] {a=1} [[1]] 1979-05-27 07:32:00
"" "x" 'x' "\u0000" "\U0001f600" = # " ' [mqtt] [[mqtt]] a.b mqtt.port
"""


def mutated(text: str, rng: random.Random) -> bytes:
    """The text with something wrong with it, in most cases."""
    for _ in range(rng.randint(1, 4)):
        text = rng.choice([mutated_bytes, mutated_tokens, mutated_lines, mutated_values])(text, rng)
    return text.encode("utf-8", "surrogateescape")


def mutated_bytes(text: str, rng: random.Random) -> str:
    data = bytearray(text.encode("utf-8", "surrogateescape"))
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data) + 1)
        data[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
    return data.decode("utf-8", "surrogateescape")


def mutated_tokens(text: str, rng: random.Random) -> str:
    tokens = re.split(r"(\W)", text)
    one, other = rng.randrange(len(tokens)), rng.randrange(len(tokens))
    tokens[one], tokens[other] = rng.choice(
        [
            (tokens[other], tokens[one]),
            (tokens[one] * 2, tokens[other]),
            ("", rng.choice(VALUES.split())),
        ]
    )
    return "".join(tokens)


def mutated_lines(text: str, rng: random.Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one : one + 1] = rng.choice([[], [lines[one]] * 2, [lines[other], lines[one]], ["\r"]])
    return "".join(lines)


def mutated_values(text: str, rng: random.Random) -> str:
    keys = [match.span(1) for match in re.finditer(r"^\w+ = (.*)$", text, re.MULTILINE)]
    for start, end in sorted(rng.sample(keys, min(3, len(keys))), reverse=True):
        text = text[:start] + rng.choice(VALUES.split()) + text[end:]
    return text


def test_a_thousand_mutated_files_get_a_clear_error_or_a_configuration(write: Write) -> None:
    original = DEFAULTS.read_text()
    refused = 0
    for seed in range(1000):
        path = write(mutated(original, random.Random(seed)))
        lines = refusal(path).split("\n")
        if lines != [""]:
            refused += 1
            assert all(line.startswith(f"{path}: ") for line in lines), seed
            assert all(line.isprintable() for line in lines), seed
            assert all(len(line) < len(str(path)) + 400 for line in lines), seed
    assert 300 < refused < 1000, "the mutations must reach both"


scalars = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["realtime", "track", "", "0"])
)


@given(
    st.dictionaries(
        st.sampled_from([*Config.__struct_fields__, "camra", ""]) | st.text(max_size=5),
        st.dictionaries(
            st.sampled_from([*Mqtt.__struct_fields__, *Camera.__struct_fields__, "model"])
            | st.text(max_size=5),
            scalars,
        ),
        max_size=4,
    )
)
def test_whatever_a_file_holds_is_told_by_line_or_is_a_configuration(
    document: dict[str, dict[str, Any]],
) -> None:
    text = "".join(
        f"[{toml.emit(name)}]\n"
        + "".join(f"{toml.emit(key)} = {toml.emit(value)}\n" for key, value in section.items())
        for name, section in document.items()
    )
    config, wrong = toml.read(text, Config)
    assert msgspec.convert(msgspec.to_builtins(config), Config) == config
    assert all(
        ": unknown" in line or ": expected" in line for line in map(": ".join, wrong.items())
    )
    assert all(f"{place}: {what}".isprintable() for place, what in wrong.items())


@given(st.binary(max_size=200))
def test_whatever_bytes_a_file_has_there_is_no_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.toml"
    path.write_bytes(data)
    assert (refusal(path) or f"{path}: ").startswith(f"{path}: ")


# The device's name, the environment


def test_a_device_is_called_as_configured() -> None:
    assert device_name(Device(name="gym_1")) == "gym_1"


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("raspberrypi", "raspberrypi"),
        ("pi.gym.lan", "pi-gym-lan"),
        ("-ü#+/-", "edged"),
        ("", "edged"),
        ("x" * 80, "x" * 64),
    ],
)
def test_a_device_without_a_name_is_called_like_its_host(
    monkeypatch: pytest.MonkeyPatch, host: str, name: str
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    assert device_name(Device()) == name


@given(st.text())
def test_a_device_name_always_fits_into_a_topic(host: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("socket.gethostname", lambda: host)
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", device_name(Device()))


def test_tracebacks_are_for_those_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGED_DEBUG", raising=False)
    assert not debug_wanted()
    monkeypatch.setenv("EDGED_DEBUG", "0")
    assert not debug_wanted()
    monkeypatch.setenv("EDGED_DEBUG", "1")
    assert debug_wanted()


# Where events wait


def test_events_wait_in_the_state_of_the_service_or_of_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = Config(device=Device(name="gym"))
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    assert outbox_file(config) == Path("/home/me/.local/state/edged/outbox-gym.sqlite")
    monkeypatch.setenv("XDG_STATE_HOME", "relative/is/ignored")
    assert outbox_file(config) == Path("/home/me/.local/state/edged/outbox-gym.sqlite")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert outbox_file(config) == Path("/state/edged/outbox-gym.sqlite")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/edged")
    assert outbox_file(config) == Path("/var/lib/edged/outbox-gym.sqlite")
    door = replace(config, device=Device(name="door"))
    assert outbox_file(door) == Path("/var/lib/edged/outbox-door.sqlite")


def test_events_wait_in_memory_where_nothing_may_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/edged")
    assert outbox_file(Config(mqtt=Mqtt(forget_at_end=True))) is None
    assert outbox_file(Config(outbox=Outbox(file="memory"))) is None
    assert outbox_file(Config(outbox=Outbox(file="/mnt/o.sqlite"))) == Path("/mnt/o.sqlite")
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    assert outbox_file(Config()) is None
