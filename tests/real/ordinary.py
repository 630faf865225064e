"""Two hundred ordinary pictures: from random weights, and drawn by nodes that need no model."""

from __future__ import annotations

import json
import random
from typing import Any, TypeAlias

from tests.repository import Repository

__all__ = ["COUNT", "write_ordinary"]

Graph: TypeAlias = dict[str, dict[str, Any]]

COUNT = 200
_EACH = 20
_SIDE = 64


def _node(kind: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def _saved(graph: Graph, last: str) -> Graph:
    return graph | {"save": _node("SaveImage", images=[last, 0], filename_prefix="x")}


def _empty(colour: int) -> dict[str, Any]:
    return _node("EmptyImage", width=_SIDE, height=_SIDE, batch_size=1, color=colour)


def noise(chance: random.Random) -> Graph:
    """A colour with a little or much noise."""
    graph = {"1": _empty(chance.randrange(1 << 24))}
    graph["2"] = _node("ImageAddNoise", image=["1", 0], seed=chance.getrandbits(32), strength=chance.uniform(0.03, 1))
    return _saved(graph, "2")


def fog(chance: random.Random) -> Graph:
    """Soft clouds: noise that was blurred."""
    graph = noise(chance)
    graph["2"]["inputs"]["strength"] = chance.uniform(0.3, 1)
    graph["3"] = _node("ImageBlur", image=["2", 0], blur_radius=chance.randrange(2, 7), sigma=chance.uniform(1, 4))
    return _saved(graph, "3")


def gradient(chance: random.Random) -> Graph:
    """From light to dark, to one side or two."""
    sides = dict.fromkeys(("left", "top", "right", "bottom"), 0)
    for side in chance.sample(sorted(sides), chance.randrange(1, 3)):
        sides[side] = chance.randrange(16, _SIDE)
    value = chance.uniform(0.5, 1)
    graph = {"1": _node("SolidMask", value=value, width=_SIDE, height=_SIDE)}
    graph["2"] = _node("FeatherMask", mask=["1", 0], **sides)
    graph["3"] = _node("MaskToImage", mask=["2", 0])
    return _saved(graph, "3")


def _strokes(chance: random.Random, count: int, sizes: tuple[int, int], operation: str) -> Graph:
    """Rectangles on an empty mask, whose last node is `mask`."""
    graph = {"mask0": _node("SolidMask", value=0.0, width=_SIDE, height=_SIDE)}
    for number in range(count):
        width, height = chance.randrange(*sizes), chance.randrange(*sizes)
        graph[f"one{number}"] = _node("SolidMask", value=1.0, width=width, height=height)
        graph[f"mask{number + 1}"] = _node(
            "MaskComposite",
            destination=[f"mask{number}", 0],
            source=[f"one{number}", 0],
            x=chance.randrange(_SIDE - width),
            y=chance.randrange(_SIDE - height),
            operation=operation,
        )
    graph["mask"] = _node("GrowMask", mask=[f"mask{count}", 0], expand=0, tapered_corners=False)
    return graph


def shapes(chance: random.Random) -> Graph:
    """White shapes on black, as masks are."""
    graph = _strokes(chance, chance.randrange(1, 4), (10, 40), "add")
    return _saved(graph | {"image": _node("MaskToImage", mask=["mask", 0])}, "image")


def text(chance: random.Random) -> Graph:
    """Black strokes on white, as lines of text are."""
    graph = _strokes(chance, 40, (1, 7), "add")
    graph |= {"dark": _node("InvertMask", mask=["mask", 0]), "image": _node("MaskToImage", mask=["dark", 0])}
    return _saved(graph, "image")


def icon(chance: random.Random) -> Graph:
    """A coloured shape on another colour."""
    graph = _strokes(chance, 3, (8, 30), "xor")
    graph |= {"back": _empty(chance.randrange(1 << 24)), "front": _empty(chance.randrange(1 << 24))}
    graph["image"] = _node(
        "ImageCompositeMasked",
        destination=["back", 0],
        source=["front", 0],
        x=0,
        y=0,
        resize_source=False,
        mask=["mask", 0],
    )
    return _saved(graph, "image")


def cut_out(chance: random.Random) -> Graph:
    """A picture whose background is transparent."""
    graph = noise(chance) | _strokes(chance, 2, (20, 50), "add")
    graph["image"] = _node("JoinImageWithAlpha", image=["2", 0], alpha=["mask", 0])
    return _saved(graph, "image")


def few_colours(chance: random.Random) -> Graph:
    """A gradient in a handful of greys."""
    graph = gradient(chance)
    graph["4"] = _node("ImageQuantize", image=["3", 0], colors=chance.randrange(2, 9), dither="floyd-steinberg")
    return _saved(graph, "4")


_PAINTERS = (noise, fog, gradient, shapes, text, icon, cut_out, few_colours)


def write_ordinary(repository: Repository, checkpoints: list[str]) -> None:
    """Write the job files of two hundred pictures."""
    chance = random.Random(20)
    lines = ["comfyjob: 1", "output: {dir: ../assets}", "items:"]
    for painter in _PAINTERS:
        for number in range(_EACH):
            name = f"{painter.__name__}_{number:02}"
            repository.write(f"jobs/graphs/{name}.json", json.dumps(painter(chance)))
            lines.append(f"  {name}: {{workflow: graphs/{name}.json, size: {_SIDE}x{_SIDE}}}")
    repository.write("jobs/nodes.comfyjob.yaml", "\n".join(lines))
    drawn = COUNT - _EACH * len(_PAINTERS)
    items = [f"  kin_{number:02}: {{checkpoint: {checkpoints[number % len(checkpoints)]}}}" for number in range(drawn)]
    defaults = f'{{size: {_SIDE}x{_SIDE}, steps: 2, prompt: "portrait of ${{name}}"}}'
    head = ["comfyjob: 1", "output: {dir: ../assets}", f"defaults: {defaults}", "items:"]
    repository.write("jobs/kins.comfyjob.yaml", "\n".join([*head, *items]))
