"""The flow of docs/subscribers/node-red-flow.json in a real Node-RED, where there is one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from brokers import Broker, Subscriber, free_port, until
from daemons import TOPICS
from pages import SUBSCRIBERS
from payloads import encoded, new_id, rep, set_over

FLOW = SUBSCRIBERS / "node-red-flow.json"


def test_the_flow_is_whole() -> None:
    nodes = {node["id"]: node for node in json.loads(FLOW.read_text())}
    for node in nodes.values():
        assert {target for wires in node.get("wires", ()) for target in wires} <= set(nodes)
        assert node.get("broker", "edgedbroker") in {"edgedbroker", "127.0.0.1"}
    assert nodes["edgedevents"]["qos"] == "1"


def test_it_counts_reps_that_come_twice_or_are_taken_back(tmp_path: Path, broker: Broker) -> None:
    program = shutil.which("node-red")
    if program is None:
        pytest.skip("needs node-red: npm install -g node-red")
    flow = json.loads(FLOW.read_text())
    for node in flow:
        if node["type"] == "mqtt-broker":
            node["port"] = str(broker.port)
    (tmp_path / "flow.json").write_text(json.dumps(flow))
    (tmp_path / "settings.js").write_text("module.exports = {uiHost: '127.0.0.1'}")
    of_set = new_id()
    first, second = rep("squat", 1, of_set), rep("squat", 2, of_set)
    better = rep("squat", 2, of_set, replaces=(second.id,))
    with (tmp_path / "log").open("wb") as log, Subscriber(broker.port) as display:
        node_red = subprocess.Popen(
            [program, "-u", tmp_path, "-p", str(free_port()), "flow.json"],
            stdout=log,
            stderr=log,
            env=os.environ | {"NODE_RED_ENABLE_PROJECTS": "false"},
        )

        def reps() -> list[bytes]:
            return [message.payload for message in display.of("home/gym/gym/reps")]

        try:
            until(lambda: "Sending SUBACK to node-red-edged" in broker.log(), "it subscribes")
            for told in (first, first, second, better):
                display.publish(TOPICS.event_rep, encoded(told))
            until(lambda: reps() == [b"1", b"2", b"2"], "the reps")
            display.publish(TOPICS.event_set, encoded(set_over("squat", 2, of_set)))
            until(lambda: reps()[-1] == b"0", "the end")
            until(lambda: bool(display.of("home/gym/gym/last_set")), "the set")
            assert display.of("home/gym/gym/reps")[-1].retain
        finally:
            node_red.terminate()
            node_red.wait(30)
    last = json.loads(display.of("home/gym/gym/last_set")[-1].payload)
    assert (last["exercise"], last["reps"]) == ("squat", 2)
