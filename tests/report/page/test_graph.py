"""The drawing of the rules."""

import re

import pytest

from uplift_upsample.base.errors import InputError
from uplift_upsample.report.page.graph import drawing, layers, placed, read_rule_graph, reduced

GRAPH = {"page": ["tables", "train"], "tables": ["train", "plan"], "train": ["convert"], "convert": [], "plan": []}


def test_rules_stand_behind_what_they_need_and_near_what_needs_them() -> None:
    assert layers(GRAPH) == {"convert": 0, "train": 1, "plan": 1, "tables": 2, "page": 3}


def test_edges_that_others_imply_are_left_out() -> None:
    assert reduced(GRAPH)["page"] == ["tables"]


def test_long_edges_have_a_row_of_their_own() -> None:
    boxes, edges = placed({"a": [], "b": ["a"], "c": ["b"], "d": ["a"], "e": ["c", "d"]})
    for node, box in boxes.items():
        others = [other for name, other in boxes.items() if name != node and other.x == box.x]
        assert all(abs(other.middle - box.middle) >= 30 for other in others)
    assert sorted(map(len, edges)) == [2, 2, 2, 2, 3]


def test_drawing_has_every_rule_and_escapes_names() -> None:
    svg = drawing({**GRAPH, "a<b": []})
    assert set(re.findall(r"<text[^>]*>(.*?)</text>", svg)) == {*GRAPH, "a&lt;b"}
    assert drawing({}).startswith("<svg")


def test_graph_of_json() -> None:
    assert read_rule_graph('{"a": ["b", "a"]}') == {"b": [], "a": ["b"]}
    for text in ("[]", "{", '{"a": 1}'):
        with pytest.raises(InputError, match="not a JSON object of lists"):
            read_rule_graph(text)
    with pytest.raises(InputError, match="cycle among a, b"):
        layers({"a": ["b"], "b": ["a"]})
