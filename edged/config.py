"""The configuration: one TOML file, read into a frozen struct per section.

This module is the only reader of configuration files and of the environment.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edged import textfile, toml
from edged.errors import ConfigError
from edged.masking import MASK, without_password
from edged.sections import (
    Camera,
    Device,
    Fitness,
    Health,
    HomeAssistant,
    Inference,
    LabelModel,
    Log,
    Metrics,
    Mqtt,
    Outbox,
    PoseModel,
    Section,
)


class Config(Section, frozen=True):
    """The whole file."""

    device: Device = Device()
    camera: Camera = Camera()
    inference: Inference = Inference()
    pose: PoseModel = PoseModel()
    labels: LabelModel = LabelModel()
    fitness: Fitness = Fitness()
    mqtt: Mqtt = Mqtt()
    homeassistant: HomeAssistant = HomeAssistant()
    outbox: Outbox = Outbox()
    health: Health = Health()
    metrics: Metrics = Metrics()
    log: Log = Log()


FILE_BYTES = 1_000_000
"""A larger file is no configuration."""
CREDENTIAL = "mqtt_password"
"""Name of the systemd credential (LoadCredential=, SetCredential= and the like)."""


def load(path: Path | None) -> Config:
    """The configuration in force: the file's, or the defaults without one; secrets read.

    The password may lie beside the file, as the service's does: systemd hands that one to the
    service, and whoever else reads the file finds it there.

    Raises:
        ConfigError: the file cannot be read, or a line for each thing that is wrong with it.
    """
    if path is None:
        return Config()
    config, wrong = toml.read(textfile.read(path, FILE_BYTES, denied=_sudo()), Config)
    for places, contradiction in _contradictions(config):
        if wrong.keys().isdisjoint(places):
            wrong[places[0]] = contradiction
    password = ""
    try:
        password = _password(config.mqtt, credential_beside(path))
    except ConfigError as error:
        key = "password_file" if config.mqtt.password_file else "password"
        wrong.setdefault(f"[mqtt] {key}", str(error))
    if wrong:
        raise ConfigError("\n".join(f"{path}: {place}: {text}" for place, text in wrong.items()))
    mqtt = msgspec.structs.replace(config.mqtt, password=password)
    return msgspec.structs.replace(config, mqtt=mqtt)


def _contradictions(config: Config) -> Iterator[tuple[tuple[str, ...], str]]:
    """Keys that do not go together: the places involved, the first to be named, and why."""
    mqtt = config.mqtt
    if mqtt.password and mqtt.password_file:
        yield (
            ("[mqtt] password_file", "[mqtt] password"),
            "expected either password or password_file, got both",
        )
    for key in ("password", "password_file"):
        if getattr(mqtt, key) and not mqtt.username:
            yield (
                ("[mqtt] username", f"[mqtt] {key}"),
                f"expected a name, because {key} is set; got none",
            )
    for key, twin in (("cert_file", "key_file"), ("key_file", "cert_file")):
        if getattr(mqtt, twin) and not getattr(mqtt, key):
            yield (
                (f"[mqtt] {key}", f"[mqtt] {twin}"),
                f"expected a file, because {twin} is set; got none",
            )
    for key in ("ca_file", "cert_file", "key_file"):
        if getattr(mqtt, key) and not mqtt.tls:
            yield (
                ("[mqtt] tls", f"[mqtt] {key}"),
                f"expected true, because {key} is set; got false",
            )
    yield from _white_balances(config.camera)
    yield from _repetitions("[inference] accelerators", config.inference.accelerators)
    yield from _repetitions("[mqtt] fallbacks", mqtt.fallbacks)
    first = {f"{mqtt.host}:{mqtt.port}", f"[{mqtt.host}]:{mqtt.port}", mqtt.host, f"[{mqtt.host}]"}
    for again in first.intersection(mqtt.fallbacks):
        yield ("[mqtt] fallbacks",), f'expected brokers other than the first, got "{again}"'
    if not config.pose.model and not config.labels.model:
        yield (
            ("[pose] model", "[labels] model"),
            "expected a model here or in [labels], got none",
        )


def _repetitions(place: str, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    what = place.rpartition(" ")[2].removesuffix("s")
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield (place,), f'expected each {what} once, got "{name}" more often'


def _white_balances(camera: Camera) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, twin in (("red_gain", "blue_gain"), ("blue_gain", "red_gain")):
        if getattr(camera, twin) and not getattr(camera, key):
            yield (
                (f"[camera] {key}", f"[camera] {twin}"),
                f"expected a number above 0, because {twin} is set; got 0",
            )
    if camera.red_gain and camera.blue_gain and camera.awb != "default":
        yield (
            ("[camera] awb", "[camera] red_gain", "[camera] blue_gain"),
            f'expected "default", because red_gain and blue_gain are set; got "{camera.awb}"',
        )


def credential_beside(path: Path) -> Path:
    """Where the password of a configuration is: `/etc/edged/credentials/mqtt_password`."""
    return path.parent / "credentials" / CREDENTIAL


def _password(mqtt: Mqtt, beside: Path) -> str:
    """From the password file, else the credential, else the configuration itself.

    The credential is systemd's, or for somebody to whom systemd gives none the one `beside`.
    """
    if mqtt.password_file:
        return textfile.secret(Path(mqtt.password_file), denied=_sudo())
    if mqtt.username:
        directory = os.environ.get("CREDENTIALS_DIRECTORY")
        credential = Path(directory, CREDENTIAL) if directory else beside
        # A unit that is there for everybody has a blank one where no password was given.
        if _may_be_there(credential, mqtt) and not textfile.is_blank(credential, denied=_sudo()):
            return textfile.secret(credential)
    return mqtt.password


def _may_be_there(credential: Path, mqtt: Mqtt) -> bool:
    """Whether to read a credential. A hidden one is told, if there is no other password."""
    try:
        credential.lstat()
    except PermissionError:
        return not mqtt.password
    except OSError:
        return False
    return True


def _sudo() -> str:
    """What to say of a file that may not be read; nothing to the service or to root."""
    return "" if os.geteuid() == 0 or _is_service() else "try it with sudo"


def dump(config: Config) -> str:
    """The file that loads as this configuration."""
    return toml.dump(config)


def masked(config: Config) -> Config:
    """The same, fit to be shown: no password in it."""
    mqtt, camera = config.mqtt, config.camera
    return msgspec.structs.replace(
        config,
        camera=msgspec.structs.replace(camera, source=without_password(camera.source)),
        mqtt=msgspec.structs.replace(mqtt, password=MASK if mqtt.password else ""),
    )


def device_name(settings: Device) -> str:
    """The device's part of every topic: as configured, else the host name as far as it may be."""
    if settings.name:
        return settings.name
    host = re.sub(r"[^a-zA-Z0-9_-]+", "-", socket.gethostname())
    return host[:64].strip("-") or "edged"


def debug_wanted() -> bool:
    """Whether the environment asks for tracebacks: `EDGED_DEBUG=1`."""
    return os.environ.get("EDGED_DEBUG") == "1"


CONFIGURATIONS = Path("/etc/edged")
"""Of the services: `edged.toml` and those of further cameras."""
SYSTEM_FILE = CONFIGURATIONS / "edged.toml"
SYSTEM_MODELS = Path("/var/lib/edged/models")
"""Where the service's models are."""


def model_directories(home: Path | None = None) -> tuple[Path, ...]:
    """Where model files are looked for, first match first.

    `$EDGED_MODELS`, `$XDG_DATA_HOME/edged/models` (`~/.local/share/edged/models`) and
    `/var/lib/edged/models`. `home`: of another user, whose XDG_DATA_HOME is not known.
    """
    own = home / ".local/share/edged/models" if home else _data_models() or _home_models()
    directories = [own, SYSTEM_MODELS]
    if extra := os.environ.get("EDGED_MODELS", ""):
        directories.insert(0, Path(extra))
    return tuple(directory for directory in directories if directory is not None)


def own_models() -> Path:
    """Where models are pulled to: one of `model_directories`.

    Root pulls for the whole machine, the service among it, and so does a service itself; anybody
    else for themselves. Who sets XDG_DATA_HOME has chosen.
    """
    home = None if os.geteuid() == 0 or _is_service() else _home_models()
    return _data_models() or home or SYSTEM_MODELS


def _is_service() -> bool:
    """Whether systemd has started us, by the unit's StateDirectory=."""
    return "STATE_DIRECTORY" in os.environ


def _data_models() -> Path | None:
    data = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification has relative paths ignored.
    return Path(data, "edged", "models") if Path(data).is_absolute() else None


def _home_models() -> Path | None:
    home = os.environ.get("HOME", "")
    return Path(home, ".local", "share", "edged", "models") if home else None


IN_MEMORY = "memory"
"""As `[outbox] file`: there is none."""


def outbox_file(config: Config) -> Path | None:
    """Where events wait for the broker; None: in memory.

    As configured, else a file of the device's own in the service's state directory, or in
    `$XDG_STATE_HOME/edged` (`~/.local/state/edged`). A visitor, whom the broker forgets, leaves
    nothing behind here either.
    """
    if config.outbox.file:
        return None if config.outbox.file == IN_MEMORY else Path(config.outbox.file)
    state = _state()
    if config.mqtt.forget_at_end or state is None:
        return None
    return state / f"outbox-{device_name(config.device)}.sqlite"


def _state() -> Path | None:
    if directory := os.environ.get("STATE_DIRECTORY", "").partition(":")[0]:
        return Path(directory)
    state, home = os.environ.get("XDG_STATE_HOME", ""), os.environ.get("HOME", "")
    if Path(state).is_absolute():
        return Path(state, "edged")
    return Path(home, ".local", "state", "edged") if home else None


def model_mirrors() -> tuple[str, ...]:
    """Addresses from `$EDGED_MODELS_URL`, asked before the catalog's own; https unless told.

    The catalog's paths lie below them. Several are separated by spaces.

    Raises:
        ConfigError: one is no address of a web server.
    """
    mirrors = []
    for word in os.environ.get("EDGED_MODELS_URL", "").split():
        mirror = word if "://" in word else f"https://{word}"
        if not re.match(r"https?://[^/]", mirror):
            raise ConfigError(
                "EDGED_MODELS_URL: expected addresses such as https://example.org/models, got "
                f'"{without_password(word)}"'
            )
        mirrors.append(mirror.rstrip("/") + "/")
    return tuple(mirrors)
