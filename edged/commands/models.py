"""`edged models`: which models there are, which of them are here and right; get them, drop them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from edged.commands.download_bar import DownloadBar
from edged.commands.ending import ends_by_sigterm
from edged.config import SYSTEM_MODELS, model_directories, model_mirrors, own_models
from edged.errors import (
    DownloadError,
    EdgedError,
    ModelError,
    PullError,
    UnreachableError,
    UsageError,
)
from edged.inference import store
from edged.inference.catalog import (
    KINDS,
    Entry,
    File,
    Kind,
    Role,
    check_file,
    copies,
    find,
    known,
    not_here,
    resolve,
    unknown,
)
from edged.inference.store import State

Where: TypeAlias = Literal["shipped", "pulled", "shared"]
"""With edged itself, in the own directory, in another one that edged looks into."""

_ROLES: dict[Role, str] = {"cpu": "CPU", "edgetpu": "Edge TPU", "labels": "labels"}


class FileLine(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a model, for programs."""

    name: str
    bytes: int | None
    """By the catalog."""
    address: str
    where: Where | None
    """None: not on this machine."""
    path: str | None
    flaw: State | None
    """By its size alone; null: none, or it is not here. `edged models verify` reads all of it."""


class ModelLine(msgspec.Struct, frozen=True, kw_only=True):
    """A model, for programs."""

    name: str
    title: str
    task: Kind
    width: int
    height: int
    licence: str
    files: dict[Role, FileLine]


class CheckLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found, for programs."""

    model: str
    role: Role
    path: str
    """Of a missing file where it belongs."""
    state: State


def show(*, json: bool) -> None:
    """Print every model of the catalogs, and where it is.

    Raises:
        ModelError: a catalog cannot be read.
    """
    models = [_line(name, entry) for name, entry in known(model_directories()).items()]
    if json:
        print(msgspec.json.encode(models).decode())
        return
    rows: list[tuple[str, ...]] = [("NAME", "TASK", "INPUT", "SIZE", "LICENCE", "CPU", "EDGE TPU")]
    rows += [_row(model) for model in models]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


def _line(name: str, entry: Entry) -> ModelLine:
    return ModelLine(
        name=name,
        title=entry.title,
        task=KINDS[entry.decoder],
        width=entry.width,
        height=entry.height,
        licence=entry.licence,
        files={role: _file_line(file) for role, file in entry.files.items()},
    )


def _file_line(file: File) -> FileLine:
    path = find(file, model_directories())
    return FileLine(
        name=file.name,
        bytes=file.bytes,
        address="" if file.shipped else file.address,
        where=_where(file, path) if path else None,
        path=str(path.absolute()) if path else None,
        flaw=store.flaw_by_size(path, file) if path else None,
    )


def _where(file: File, path: Path) -> Where:
    if file.shipped:
        return "shipped"
    return "pulled" if path.parent == own_models() else "shared"


def _row(model: ModelLine) -> tuple[str, ...]:
    """A line of the table. Of a pair the size is that of the half for the CPU."""
    file, edgetpu = model.files["cpu"], model.files.get("edgetpu")
    size = file.bytes
    if size is None and file.path is not None:
        size = Path(file.path).stat().st_size
    return (
        model.name,
        model.task,
        f"{model.width}x{model.height}",
        "?" if size is None else as_size(size),
        model.licence,
        file.flaw or file.where or "not here",
        (edgetpu.flaw or edgetpu.where or "not here") if edgetpu else "-",
    )


def as_size(count: int) -> str:
    """Bytes for people: `525 kB`, `2.9 MB`."""
    megabytes = count / 1e6
    return f"{megabytes:.1f} MB" if megabytes >= 1 else f"{count / 1e3:.0f} kB"


def pull(names: Sequence[str], *, everything: bool, edgetpu: bool) -> int:
    """Get models: those that are not here, or not right, and their labels.

    Args:
        names: of the catalog.
        everything: all of the catalog instead.
        edgetpu: also what is compiled for the Edge TPU.

    Returns:
        The exit code: 1 when a model could not be had. The others are pulled nevertheless.

    Raises:
        UsageError: neither names nor everything, or both.
        EdgedError: a name that nobody knows, no network, or no room.
    """
    models = known(model_directories())
    if bool(names) == everything:
        raise UsageError("name the models to pull, or say --all; edged models list has the names")
    mirrors = model_mirrors()
    code = 0
    with ends_by_sigterm(), DownloadBar() as bar:
        for name, entry in _chosen(list(models) if everything else names, models).items():
            files = {
                role: file for role, file in entry.files.items() if edgetpu or role != "edgetpu"
            }
            try:
                _pull(name, files, mirrors, bar)
            except UnreachableError:
                raise
            except DownloadError as error:
                print(f"edged: {error}", file=sys.stderr)
                code = 1
    return code


def _chosen(names: Sequence[str], models: Mapping[str, Entry]) -> dict[str, Entry]:
    """The entries of names, each once."""
    for name in names:
        if name not in models:
            raise unknown(name, models)
    return {name: models[name] for name in names}


def _pull(name: str, files: Mapping[Role, File], mirrors: Sequence[str], bar: DownloadBar) -> None:
    """The files of one model. An error tells the model's name."""
    own = own_models()
    is_news = False
    for role, file in files.items():
        path = find(file, model_directories())
        if path is not None and store.state(path, file) in store.FINE:
            continue
        if file.shipped:
            raise not_here(name, file)
        hidden = store.wrong_before(file, model_directories(), own)
        if hidden is not None:
            raise DownloadError(
                f"{name}: {hidden} is not right, and edged looks there first: remove it"
            )
        with bar.of(f"{name}, {_ROLES[role]}") as watcher:
            try:
                store.pull(file, own, mirrors, watcher)
            except DownloadError as error:
                raise type(error)(f"{name}: {error}") from error
        is_news = True
        path = own / file.name
        print(f"{name}: {path} ({as_size(path.stat().st_size)})")
    if not is_news:
        print(f"{name}: here already, and right")


def verify(names: Sequence[str], *, json: bool) -> int:
    """Check every file that is here against the catalog, in every directory of models.

    Without names: of those models that are here. A half for the Edge TPU may be missing.

    Returns:
        The exit code: 1 when something is missing or not right.

    Raises:
        ModelError: a name that nobody knows.
    """
    models = known(model_directories())
    if names:
        models = _chosen(names, models)
    else:
        models = {
            name: entry
            for name, entry in models.items()
            if store.is_installed(entry, model_directories())
        }
    lines = [line for name, entry in models.items() for line in _checked(name, entry)]
    wrong = [line for line in lines if line.state not in store.FINE]
    if json:
        print(msgspec.json.encode(lines).decode())
    else:
        width = max((len(line.model) for line in lines), default=0)
        for line in lines:
            print(f"{line.state:10}  {line.model:{width}}  {line.path}")
        if not lines:
            print("no models are here: edged models list shows what there is")
    if wrong:
        print(f"edged: {_how_to_mend(wrong, len(lines))}", file=sys.stderr)
    return int(bool(wrong))


def _how_to_mend(wrong: Sequence[CheckLine], total: int) -> str:
    """How many files are not right, and what to do, in a line."""
    pulls: dict[bool, dict[str, None]] = {False: {}, True: {}}  # names in order, each once
    others = ""
    for line in wrong:
        folder = Path(line.path).parent
        if folder in (own_models(), SYSTEM_MODELS):
            pulls[folder != own_models()][line.model] = None
        else:
            others = "remove or replace what is elsewhere"
    todos = [
        PullError.pull(" ".join(names), for_service=for_service)
        for for_service, names in pulls.items()
        if names
    ]
    what = "; ".join(filter(None, [others, *todos]))
    return f"{len(wrong)} of {total} files {'is' if len(wrong) == 1 else 'are'} not right: {what}"


def _checked(name: str, entry: Entry) -> Iterator[CheckLine]:
    directories = model_directories()
    for role, file in entry.files.items():
        paths = list(copies(file, directories))
        if not paths and (role != "edgetpu" or find(entry.file, directories) is None):
            paths = [Path(file.address) if file.shipped else own_models() / file.name]
        for path in paths:
            yield CheckLine(
                model=name, role=role, path=str(path.absolute()), state=store.state(path, file)
            )


def path(name: str, *, edgetpu: bool) -> None:
    """Print where a model's file is, and nothing else.

    Raises:
        ModelError: it is not here, or no model; a name that nobody knows.
    """
    if not edgetpu:
        print(resolve(name, model_directories()).path.absolute())
        return
    entry = _chosen([name], known(model_directories()))[name]
    if entry.edgetpu is None:
        raise ModelError(f"{name}: nobody has compiled it for the Edge TPU, as far as is known")
    found = find(entry.edgetpu, model_directories())
    if found is None:
        raise not_here(name, entry.edgetpu)
    check_file(found, entry.edgetpu, name)
    print(found.absolute())


def remove(names: Sequence[str]) -> int:
    """Delete pulled models; labels only where no other model that is here needs them.

    Returns:
        The exit code: 1 when a model was not among the pulled ones.

    Raises:
        EdgedError: a name that nobody knows; a file cannot be deleted.
    """
    code = 0
    for name, entry in _chosen(names, known(model_directories())).items():
        models = known(model_directories())
        paths = store.removable(name, models, model_directories(), own_models())
        if paths:
            freed = store.remove(paths)
            files = "1 file" if len(paths) == 1 else f"{len(paths)} files"
            print(f"{name}: removed, {files}, {as_size(freed)} freed")
        else:
            print(f"edged: {name}: {_why_not_removed(entry)}", file=sys.stderr)
            code = 1
    return code


def _why_not_removed(entry: Entry) -> str:
    if entry.file.shipped:
        return "comes with edged: there is nothing to remove"
    found = find(entry.file, model_directories()) or find(entry.edgetpu, model_directories())
    if found is not None and found.parent != own_models():
        return f"is in {found.parent}, not among the pulled ones in {own_models()}: remove it there"
    if found is not None:
        return "another model that is here needs its files"
    return f"is not in {own_models()}: there is nothing to remove"


def completions(incomplete: str) -> list[tuple[str, str]]:
    """Names for a shell, with their titles."""
    try:
        models = known(model_directories())
    except EdgedError:  # of a catalog; nobody wants to read it there
        return []
    return [(name, entry.title) for name, entry in models.items() if name.startswith(incomplete)]
