"""The graph of a workflow's rules as an SVG drawing: layers from left to right, each rule behind all that it needs.

A drawing of our own, because Graphviz is not on every machine. Colours come from the page's style sheet.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from html import escape
from itertools import pairwise

from uplift_upsample.base.errors import InputError

BOX_HEIGHT, ROW, LAYER_GAP, MARGIN = 30, 44, 46, 8  # pixels; chosen by eye
CHARACTER = 7.3  # pixels of a character at the page's size of monospaced text

Graph = Mapping[str, Sequence[str]]
# A rule, or the place (rule, user, layer) where an edge crosses a layer.
Node = str | tuple[str, str, int]


@dataclass(frozen=True)
class Box:
    """A rule's place in the drawing, pixels; one without a name is where an edge crosses a layer."""

    name: str
    x: float
    middle: float
    width: float


def read_rule_graph(text: str) -> dict[str, list[str]]:
    """A graph from JSON: each rule with the rules that it needs. Raises ``InputError`` for anything else."""
    try:
        graph = {str(rule): sorted({str(name) for name in needed} - {rule}) for rule, needed in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"the graph of the rules is not a JSON object of lists ({error!r})") from None
    return {**{name: [] for needed in graph.values() for name in needed}, **graph}


def layers(graph: Graph) -> dict[str, int]:
    """The layer of each rule: behind all that it needs, and as near as possible to what needs it.

    Raises ``InputError`` for a cycle.
    """
    order = _sorted(graph)
    depth: dict[str, int] = {}
    for rule in order:
        depth[rule] = 1 + max((depth[name] for name in graph[rule]), default=-1)
    for rule in reversed(order):
        depth[rule] = min((depth[user] - 1 for user in graph if rule in graph[user]), default=depth[rule])
    return depth


def reduced(graph: Graph) -> dict[str, list[str]]:
    """The graph without edges that others imply."""
    behind: dict[str, set[str]] = {}
    for rule in _sorted(graph):
        behind[rule] = set(graph[rule]).union(*(behind[name] for name in graph[rule]))
    return {rule: [name for name in needed if not any(name in behind[other] for other in needed)] for rule, needed in graph.items()}


def drawing(graph: Graph) -> str:
    """The graph as an SVG element with a title for those who do not see it; edges that others imply are left out."""
    boxes, edges = placed(graph)
    width = max((box.x + box.width for box in boxes.values()), default=0) + MARGIN
    height = max((box.middle + BOX_HEIGHT / 2 for box in boxes.values()), default=0) + MARGIN
    return "\n".join(
        [
            f'<svg class="rule-graph" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img"'
            ' aria-labelledby="rule-graph-title">',
            f'<title id="rule-graph-title">Graph of {len(graph)} rules; the list below has the same content</title>',
            *(_curve([boxes[node] for node in edge]) for edge in edges),
            *(
                _rectangle(box, *(any(edge[end] == box.name for edge in edges) for end in (-1, 0)))
                for box in boxes.values()
                if box.name
            ),
            "</svg>",
        ]
    )


def placed(graph: Graph) -> tuple[dict[Node, Box], list[list[Node]]]:
    """The boxes, and the edges as the nodes that they go through. An edge has a row of its own in each layer that it crosses."""
    layer_of = layers(graph)
    edges: list[list[Node]] = [
        [name, *((name, rule, layer) for layer in range(layer_of[name] + 1, layer_of[rule])), rule]
        for rule, needed in sorted(reduced(graph).items())
        for name in sorted(needed)
    ]
    columns: list[list[Node]] = [[] for _ in range(max(layer_of.values(), default=-1) + 1)]
    for rule in sorted(graph):
        columns[layer_of[rule]].append(rule)
    for crossing in (node for edge in edges for node in edge if isinstance(node, tuple)):
        columns[crossing[2]].append(crossing)
    place = _rows(columns, edges)
    boxes: dict[Node, Box] = {}
    x = float(MARGIN)
    for column in columns:
        width = max(len(node) for node in column if isinstance(node, str)) * CHARACTER + 20
        for node in column:
            middle = MARGIN + BOX_HEIGHT / 2 + place[node] * ROW
            boxes[node] = Box(node if isinstance(node, str) else "", x, middle, width)
        x += width + LAYER_GAP
    return boxes, edges


def _sorted(graph: Graph) -> list[str]:
    """The rules, each behind all that it needs."""
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise InputError(f"the graph of the rules has a cycle among {', '.join(sorted(set(error.args[1])))}") from None


def _rows(columns: Sequence[list[Node]], edges: Sequence[Sequence[Node]]) -> dict[Node, float]:
    """The row of each node: near the nodes of the layer before, then near those of the layer behind, and so on."""
    before: dict[Node, list[Node]] = {}
    behind: dict[Node, list[Node]] = {}
    for edge in edges:
        for start, end in pairwise(edge):
            before.setdefault(end, []).append(start)
            behind.setdefault(start, []).append(end)
    height = max(map(len, columns), default=0)
    place = _spread(columns, height)
    for sweep in range(12):
        neighbours, order = (before, columns) if sweep % 2 == 0 else (behind, list(reversed(columns)))
        for column in order:
            means = {node: _mean([place[other] for other in neighbours.get(node, [])], place[node]) for node in column}
            column.sort(key=lambda node: (means[node], str(node)))
        place = _spread(columns, height)
    return place


def _spread(columns: Sequence[Sequence[Node]], height: int) -> dict[Node, float]:
    """Each column in the middle of the drawing."""
    return {node: (height - len(column)) / 2 + row for column in columns for row, node in enumerate(column)}


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _curve(boxes: Sequence[Box]) -> str:
    """An edge from the right side of the first box to the left side of the last, straight through the layers between."""
    path, bend = f"M{boxes[0].x + boxes[0].width:.1f} {boxes[0].middle:.1f}", LAYER_GAP * 0.6
    for start, end in pairwise(boxes):
        x = start.x + start.width
        path += f"C{x + bend:.1f} {start.middle:.1f} {end.x - bend:.1f} {end.middle:.1f} {end.x:.1f} {end.middle:.1f}"
        path += "" if end.name else f"H{end.x + end.width:.1f}"
    return f'<path d="{path}"/>'


def _rectangle(box: Box, has_start: bool, has_end: bool) -> str:
    """A rule; narrower than its layer, it is reached by short lines where edges end and start."""
    width = len(box.name) * CHARACTER + 20
    x, middle = box.x + (box.width - width) / 2, box.middle
    sides = [(box.x, x)] * has_start + [(x + width, box.x + box.width)] * has_end
    lines = "".join(f'<path d="M{start:.1f} {middle:.1f}H{end:.1f}"/>' for start, end in sides)
    return (
        f'{lines}<g><rect x="{x:.1f}" y="{middle - BOX_HEIGHT / 2:.1f}" width="{width:.1f}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text x="{x + width / 2:.1f}" y="{middle + 4.5:.1f}">{escape(box.name)}</text></g>'
    )
