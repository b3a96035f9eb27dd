"""The pages for subscribers: whole, and of figures and keys that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest
from pages import SUBSCRIBERS, examples

from edged.config import Config
from edged.messages.catalogue import PAYLOADS
from edged.metrics.families import COUNTERS

PAGES = sorted(SUBSCRIBERS.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_says_whether_it_was_run(page: Path) -> None:
    last = page.read_text().rpartition("---\n")[2]
    assert re.search(r"\brun\b|checked", last, re.IGNORECASE), page.name


def test_the_settings_for_prometheus_are_the_defaults_switched_on() -> None:
    (text,) = examples("prometheus.md", "toml")
    config = msgspec.convert(tomllib.loads(text), Config)
    assert config.metrics.enabled
    assert msgspec.structs.replace(config.metrics, enabled=False) == Config().metrics


def test_the_alerts_are_about_figures_that_there_are() -> None:
    _, rules = examples("prometheus.md", "yaml")
    page = (SUBSCRIBERS / "prometheus.md").read_text()
    listed = set(re.findall(r"^\| `(edged_\w+)", page, re.MULTILINE))
    assert {f"edged_{name}_total" for name in COUNTERS} < listed
    used = set(re.findall(r"edged_\w+", rules))
    assert {name.removesuffix("_bucket") for name in used} <= listed


def test_promtool_takes_the_files(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs promtool: apt install prometheus")
    prometheus, rules = examples("prometheus.md", "yaml")
    (tmp_path / "prometheus.yml").write_text(prometheus)
    (tmp_path / "edged.rules.yml").write_text(rules)
    subprocess.run([promtool, "check", "config", tmp_path / "prometheus.yml"], check=True)


def test_telegraf_takes_keys_that_there_are() -> None:
    config = tomllib.loads((SUBSCRIBERS / "telegraf.conf").read_text())
    measured = set()
    for consumer in config["inputs"]["mqtt_consumer"]:
        (topic,) = consumer["topics"]
        (format_,) = consumer["json_v2"]
        measured.add(format_["measurement_name"])
        keys = {field.name for field in msgspec.structs.fields(PAYLOADS[topic[len("edged/+/") :]])}
        named = [*format_["tag"], *format_["field"], *format_.get("object", [])]
        paths = {one["path"].partition(".")[0] for one in named} | {format_["timestamp_path"]}
        assert paths <= keys
        assert consumer["qos"] == int("event/" in topic) == int("persistent_session" in consumer)
    dashboard = json.loads((SUBSCRIBERS / "grafana-dashboard.json").read_text())
    text = json.dumps(dashboard)
    assert set(re.findall(r'_measurement == \\"(\w+)', text)) == measured
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
