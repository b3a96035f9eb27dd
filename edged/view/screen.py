"""The terminal view of a device: what is known of it -> rows of styled text. Pure.

Every text goes through `piece`, where what a terminal would obey becomes harmless: names, labels
and problems come from the network.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from edged.messages.device import Percentiles
from edged.messages.exercise import ExerciseState
from edged.messages.streams import LabelPayload
from edged.types import SKELETON
from edged.view.canvas import Canvas, Side, fit
from edged.view.state import Link, Note, Sight

PLAIN = Style()
DIM = Style(dim=True)
BOLD = Style(bold=True)
GOOD = Style(color="green")
WARN = Style(color="yellow")
BAD = Style(color="red", bold=True)
SIDES: Mapping[Side, Style] = {
    Side.MIDDLE: PLAIN,
    Side.LEFT: Style(color="yellow", bold=True),
    Side.RIGHT: Style(color="cyan", bold=True),
}

PANEL_WIDTH = 30
LEAST_CANVAS_WIDTH = 28
"""Where less is left beside the panel, there is no panel."""
LABEL_WIDTH = 13
LONGEST = 500
"""Characters of a text from the network that are looked at."""
USUAL_ASPECT = 4 / 3
MOST_PROBLEMS = 3
PROBLEM_ROWS = 3
"""Of each: what to do comes last, and is not to be cut off."""
MOST_TEMPERATURES = 4
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
MOST = 1e15

Row = list[Segment]


def clean(text: str) -> str:
    """The text without anything that is not printed: escape sequences, line breaks, directions."""
    return "".join(char if char.isprintable() else REPLACEMENT for char in text[:LONGEST])


def piece(text: str, style: Style = PLAIN) -> Segment:
    """The only way of a text onto the screen."""
    return Segment(clean(text), style)


def number(value: float) -> str:
    """In at most seven characters, whatever it is: `8.2`, `118`, `2589114`, `1e+09`."""
    if isinstance(value, int):
        value = float(min(value, int(MOST)))
    if not math.isfinite(value) or abs(value) >= MOST:
        return "?"
    if abs(value) < 100 and value != int(value):  # noqa: PLR2004 - three digits tell enough
        return f"{value:.1f}"
    return f"{value:.0f}" if abs(value) < 1e7 else f"{value:.0e}"  # noqa: PLR2004


def duration(seconds: float) -> str:
    """`12 s`, `3 min`, `26 h`, `4 d`."""
    for unit, size, limit in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < limit:
            return f"{int(seconds / size)} {unit}"
    return f"{number(seconds // 86_400)} d"


def percent(score: float) -> str:
    """`74 %`."""
    return f"{score * 100:.0f} %"


def compose(
    sight: Sight,
    link: Link,
    width: int,
    height: int,
    hint: str,
    notes: Sequence[Note] = (),
) -> list[Row]:
    """Exactly `height` rows of `width` cells. `hint` is told at the bottom."""
    top = [_title(sight, link), _equipment(sight, width)]
    bottom = [*_problems(sight, link, width), [piece(f" {hint}", DIM)]]
    room = height - len(top) - len(bottom)
    rows = [*top, *_middle(sight, link, notes, width, max(room, 0)), *bottom]
    # Of a low window, the title and the problems are the last to go.
    if len(rows) > height:
        rows = [*rows[:1], *rows[len(rows) - height + 1 :]]
    return [Segment.adjust_line_length(row, width) for row in rows]


def _title(sight: Sight, link: Link) -> Row:
    row = [piece(" "), piece(sight.device or "edged watch", BOLD), piece("  ")]
    match link.connected, sight.online:
        case (False, _):
            row.append(piece("● no broker", BAD))
        case (True, True):
            row.append(piece("● online", GOOD))
        case (True, False):
            row.append(piece("○ offline", BAD))
        case _ if sight.device is not None:
            row.append(piece("○ never heard of", WARN))
    row.append(piece(f"   {link.address}", DIM))
    if sight.others:
        row += [piece("   others: ", DIM), piece(", ".join(sight.others), DIM)]
    return row


def _equipment(sight: Sight, width: int) -> Row:
    info, camera_words = sight.info, "no camera"
    if info is None:
        return []
    if (camera := info.camera) is not None:
        name = camera.source.rpartition("/")[2] or camera.source
        rate = f" {number(camera.fps)}/s" if camera.fps else ""
        camera_words = f"{name} {number(camera.width)}x{number(camera.height)}{rate}"
    models = " + ".join(model.name for model in info.models) or "no model"
    words = " · ".join((camera_words, f"{models} on {info.accelerator}", info.runtime))
    return [piece(f" {_shortened(clean(words), width - 2)}", DIM)]


def _problems(sight: Sight, link: Link, width: int) -> Iterator[Row]:
    if link.problem is not None:
        yield from _wrapped(link.problem, width, BAD)
    if sight.health is not None and sight.online is not False:
        for problem in sight.health.problems[:MOST_PROBLEMS]:
            yield from _wrapped(problem, width, WARN)
    if sight.unreadable:
        yield [piece(f" unreadable messages: {number(sight.unreadable)}", WARN)]


def _wrapped(text: str, width: int, style: Style) -> Iterator[Row]:
    for line in textwrap.wrap(clean(text), max(width - 2, 1))[:PROBLEM_ROWS]:
        yield [piece(f" {line}", style)]


def _middle(sight: Sight, link: Link, notes: Sequence[Note], width: int, height: int) -> list[Row]:
    """The picture in a frame, and beside it the panel where there is room for it."""
    panel_width = PANEL_WIDTH if width >= PANEL_WIDTH + LEAST_CANVAS_WIDTH + 4 else 0
    most = width - panel_width - 4  # a blank and the frame at either side
    if height < 3 or most < 1:  # noqa: PLR2004 - nothing between the frame's lines
        return [[]] * height
    inner_width, inner_height = fit(most, height - 2, _aspect(sight))
    rows = _framed(sight, link, inner_width, inner_height)
    rows += [[] for _ in range(height - len(rows))]
    if not panel_width:
        return rows
    is_known = link.connected and sight.online is not False
    panel = [*_panel(sight, notes)][:height] if is_known else []
    panel += [[] for _ in range(height - len(panel))]
    left = inner_width + 5
    return [
        [*Segment.adjust_line_length(row, left), *beside]
        for row, beside in zip(rows, panel, strict=True)
    ]


def _aspect(sight: Sight) -> float:
    """Width / height of the camera's picture, within reason."""
    camera = sight.info.camera if sight.info is not None else None
    if camera is None or not camera.width or not camera.height:
        return USUAL_ASPECT
    return min(max(min(camera.width, MOST) / min(camera.height, MOST), 0.25), 4.0)


def _framed(sight: Sight, link: Link, width: int, height: int) -> list[Row]:
    words, style = _instead(sight, link)
    if words:
        rows = _centred(words, style, width, height)
    else:
        canvas = Canvas(width, height)
        if sight.pose is not None:
            bones = sight.info.skeleton if sight.info is not None else SKELETON
            canvas.people(sight.pose.poses, bones)
        rows = [[Segment(text, SIDES[side]) for text, side in row] for row in canvas.rows()]
    edge = style if style in (BAD, WARN) else DIM
    return [
        [piece(f" ╭{'─' * width}╮", edge)],
        *([piece(" │", edge), *row, piece("│", edge)] for row in rows),
        [piece(" ╰", edge), *_legend(width, edge), piece("╯", edge)],
    ]


def _legend(width: int, edge: Style) -> Row:
    """The lower line of the frame, with the colours of the person's sides."""
    left, right = piece(" left ", SIDES[Side.LEFT]), piece("right ", SIDES[Side.RIGHT])
    rest = width - len(left.text) - len(right.text) - 1
    if rest < 1:
        return [piece("─" * width, edge)]
    return [piece("─", edge), left, right, piece("─" * rest, edge)]


def _instead(sight: Sight, link: Link) -> tuple[tuple[str, ...], Style]:
    """What is told instead of a picture, because there is none; nothing: there is one."""
    words: tuple[str, ...] = ()
    style = DIM
    if not link.connected:
        words, style = ("no connection to the broker", "trying again and again"), BAD
    elif sight.device is None:
        words = ("no device has told of itself yet",)
    elif sight.online is False:
        words, style = (f"{sight.device} is offline",), BAD
    elif sight.is_paused:
        words = ("paused", "the camera is closed")
    elif sight.silent_s is None:
        words = ("no message about a frame yet",)
    elif sight.is_silent:
        words = (f"no message for {duration(sight.silent_s)}", "what is there now is unknown")
        style = WARN
    elif sight.pose is None:
        words = ("this device tells labels only",)
    elif not sight.pose.poses:
        words, style = ("nobody there",), PLAIN
    return words, style


def _centred(words: tuple[str, ...], style: Style, width: int, height: int) -> list[Row]:
    above = max((height - len(words)) // 2, 0)
    rows: list[Row] = [[piece(" " * width)] for _ in range(height)]
    for row, text in enumerate(words[:height], above):
        line = [piece(" " * max((width - cell_len(text)) // 2, 0)), piece(text, style)]
        rows[row] = Segment.adjust_line_length(line, width)
    return rows


def _figure(name: str, value: str, style: Style = PLAIN, note: str = "") -> Row:
    """`name        value note`."""
    return [piece(f"{name:<{LABEL_WIDTH}}", DIM), piece(f"{value:>8}", style), piece(note, DIM)]


def _panel(sight: Sight, notes: Sequence[Note]) -> Iterator[Row]:
    yield []
    yield from _stream(sight)
    if notes:
        yield []
    for note in notes:
        room = PANEL_WIDTH - LABEL_WIDTH
        name = _shortened(clean(note.name), LABEL_WIDTH - 1)
        value = piece(_shortened(clean(note.value), room), BOLD)
        yield [piece(f"{name:<{LABEL_WIDTH}}", DIM), value]
    if sight.exercise is not None:
        yield []
        yield from _exercise(sight.exercise)
    if sight.labels is not None:
        yield []
        yield from _labels(sight)
    yield []
    yield from _health(sight)


def _stream(sight: Sight) -> Iterator[Row]:
    rate, age = sight.rate, sight.age_ms
    yield _figure("messages", "-" if rate is None else number(rate), BOLD, " /s")
    yield _figure("age", "-" if age is None else number(age), BOLD, " ms")
    if sight.pose is None:
        return
    if sight.is_silent:
        yield _figure("people", "?")
        return
    yield _figure("people", number(len(sight.pose.poses)), BOLD)
    for person in sight.pose.poses[:4]:
        yield _figure("  score", percent(person.score))


def _exercise(now: ExerciseState) -> Iterator[Row]:
    """What is done, how often, and how the last rep was."""
    name = _shortened(clean(now.exercise or "-"), PANEL_WIDTH - LABEL_WIDTH)
    yield [piece(f"{'exercise':<{LABEL_WIDTH}}", DIM), piece(name, BOLD)]
    if now.workout_since is None:
        return
    if now.held_s:
        yield _figure("held", number(now.held_s), BOLD, " s")
    else:
        goal = f" of {number(now.target_reps)}" if now.target_reps else ""
        yield _figure("reps", number(now.reps), GOOD if now.is_target_reached else BOLD, goal)
    yield _figure("set", number(now.set), note=" rest" if now.phase == "rest" else "")
    for flag in now.last_rep.flags[:2] if now.last_rep is not None else ():
        yield [piece(f"  {_shortened(clean(flag), PANEL_WIDTH - 2)}", WARN)]


def _labels(sight: Sight) -> Iterator[Row]:
    told = sight.labels
    if told is None:
        return
    sure = "" if told.confident else " (not sure)"
    when = f" {duration(sight.labels_s)} ago" if sight.labels_s >= 3.0 else ""  # noqa: PLR2004 - seconds
    yield [piece(f"labels{sure}{when}", DIM)]
    for place, entry in enumerate(told.labels[:5]):
        is_best = place == 0 and told.confident
        yield _label(entry, DIM if sight.is_silent else BOLD if is_best else PLAIN)


def _label(entry: LabelPayload, style: Style) -> Row:
    score = f"{percent(entry.score):>6}"
    name = Segment.adjust_line_length(
        [piece(_shortened(entry.label, PANEL_WIDTH - 8), style)], PANEL_WIDTH - 8
    )
    return [*name, piece(score, style)]


def _shortened(text: str, cells: int) -> str:
    if cell_len(text) <= cells:
        return text
    while text and cell_len(text) >= cells:
        text = text[: min(len(text) - 1, cells)]
    return f"{text}…"


def _health(sight: Sight) -> Iterator[Row]:
    health = sight.health
    if health is None:
        yield [piece("health: not told yet", DIM)]
        return
    style = GOOD if health.state == "ok" else WARN
    when = f"  {duration(sight.health_s)} ago" if sight.health_s >= 30.0 else ""  # noqa: PLR2004 - seconds
    yield [
        piece(f"{'health':<{LABEL_WIDTH}}", DIM),
        piece(f"{health.state:>8}", style),
        piece(when),
    ]
    yield _times("invoke", health.invoke_ms)
    yield _figure("dropped", number(health.dropped))
    if health.failed:
        yield _figure("failed", number(health.failed), WARN)
    if health.worker_restarts:
        yield _figure("restarts", number(health.worker_restarts), WARN)
    if health.reconnects:
        yield _figure("reconnects", number(health.reconnects), WARN)
    yield _figure("memory", number(health.rss_mb), note=" MB")
    for sensor, celsius in sorted(health.temperatures.items())[:MOST_TEMPERATURES]:
        yield _figure(_shortened(clean(sensor), LABEL_WIDTH - 1), number(celsius), note=" °C")
    yield _figure("up for", duration(health.uptime_s))


def _times(name: str, times: Percentiles | None) -> Row:
    if times is None:
        return _figure(name, "-")
    return _figure(name, number(times.p50), note=" ms")


def line(sight: Sight, link: Link, notes: Sequence[Note] = ()) -> str:
    """The same in one plain line, for what is no terminal."""
    told = (f"{note.name} {note.value}" for note in notes)
    return clean("  ".join((*_words(sight, link), *told)))


def _words(sight: Sight, link: Link) -> Iterator[str]:
    yield sight.device or "no device yet"
    if not link.connected:
        yield link.problem or "connecting"
        return
    if link.problem is not None:
        yield link.problem
    if sight.device is None:
        return
    if sight.online is not None:
        yield "online" if sight.online else "offline"
    if sight.online is False:
        return
    yield from _frame_words(sight)
    if sight.health is not None:
        yield f"health {sight.health.state}"
        yield from sight.health.problems[:MOST_PROBLEMS]
    if sight.unreadable:
        yield f"unreadable messages: {number(sight.unreadable)}"


def _frame_words(sight: Sight) -> Iterator[str]:
    if sight.is_paused:
        yield "paused: the camera is closed"
        return
    if sight.silent_s is None:
        yield "no message about a frame yet"
        return
    if sight.is_silent:
        yield f"no message for {duration(sight.silent_s)}"
        return
    if sight.rate is not None:
        yield f"{number(sight.rate)}/s"
    if sight.age_ms is not None:
        yield f"age {number(sight.age_ms)} ms"
    if sight.pose is not None:
        people = sight.pose.poses
        scores = ", ".join(percent(person.score) for person in people[:4])
        yield f"{len(people)} there ({scores})" if people else "nobody there"
    if sight.exercise is not None and sight.exercise.workout_since is not None:
        done = sight.exercise
        amount = f"{number(done.held_s)} s" if done.held_s else number(done.reps)
        yield f"{done.exercise} {amount}"
    if sight.labels is not None and sight.labels.labels:
        best = sight.labels.labels[0]
        sure = "" if sight.labels.confident else "perhaps "
        yield f"{sure}{best.label} {percent(best.score)}"
