"""The searches that go by samples or by a latent space, one factual at a time: slow, plain, from their descriptions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch


class Box:
    """What one schema allows, column by column, in plain floats."""

    def __init__(self, schema):
        low, high = schema.bounds()
        up, down = schema.directions()
        self.low, self.high = [float(v) for v in low], [float(v) for v in high]
        self.up, self.down = up.tolist(), down.tolist()
        self.free = [u or d for u, d in zip(self.up, self.down, strict=True)]

    def towards(self, start, wanted):
        """``wanted`` as far as it may be reached from ``start`` in one move."""
        return [self._column(i, float(a), float(b)) for i, (a, b) in enumerate(zip(start, wanted, strict=True))]

    def _column(self, i, a, b):
        if not self.free[i] or math.isnan(b) or math.isinf(b):
            b = a
        if (b > a and not self.up[i]) or (b < a and not self.down[i]):
            b = a
        clamped = min(max(b, self.low[i]), self.high[i])
        if (clamped > a and not self.up[i]) or (clamped < a and not self.down[i]):
            return a  # outside of the domain, and it may not move towards it
        return clamped


def chance(module, point, target):
    x = torch.tensor([[float(v) for v in point]], dtype=torch.float64)
    return float(torch.softmax(module(x).detach(), dim=1)[0, target])


def revise(module, vae, factual, target, settings, schema):
    """Points of the path, and whether it matures."""
    box, x = Box(schema), [float(v) for v in factual]
    path = [x]
    if chance(module, x, target) >= settings.tau:
        return path, True
    z = vae.encode(torch.tensor([x], dtype=torch.float64)).detach()
    point = x
    for _ in range(settings.steps):
        z = z.requires_grad_()
        decoded = vae.decode(z)[0]
        reached = box.towards(point, decoded.tolist())
        # x' follows the decoder in the columns in which it is where the decoder is, and else stands still.
        follows = torch.tensor([f and r == v for f, r, v in zip(box.free, reached, decoded.tolist(), strict=True)])
        shown = torch.where(follows, decoded, torch.tensor(reached, dtype=torch.float64))
        loss = torch.nn.functional.cross_entropy(module(shown[None]), torch.tensor([target]))
        loss = loss + settings.lambda_cost * (shown - torch.tensor(x, dtype=torch.float64)).abs().sum()
        (gradient,) = torch.autograd.grad(loss, z, allow_unused=True)
        z = (z if gradient is None else z - settings.step_size * gradient).detach()
        point = box.towards(point, vae.decode(z)[0].tolist())
        path.append(point)
        if chance(module, point, target) >= settings.tau:
            return path, True
    return path, False


def nearest(module, samples, labels, factual, target, settings, schema):
    """The end, whether it counts, and whether anything moves at all."""
    box, x = Box(schema), [float(v) for v in factual]
    if chance(module, x, target) >= settings.tau:
        return x, True, False
    candidates = [box.towards(x, s) for s, label in zip(samples, labels, strict=True) if label == target]
    if not candidates:
        path, arrives = nowhere(module, box, x, target, settings)
        return path[-1], arrives, len(path) > 1
    chances = [chance(module, c, target) for c in candidates]
    counting = [c for c, p in zip(candidates, chances, strict=True) if p >= settings.tau]
    if counting:
        end = min(counting, key=lambda c: sum(abs(a - b) for a, b in zip(c, x, strict=True)))
        return end, True, end != x
    end = candidates[int(np.argmax(chances))]
    return end, False, end != x


def nowhere(module, box, x, target, settings):
    """Points of the path of a search that leads nowhere, into the domain at most, and whether it matures there."""
    inside = box.towards(x, x)
    return ([x], False) if inside == x else ([x, inside], chance(module, inside, target) >= settings.tau)


def face(module, samples, factual, target, settings, schema, *, band, stride):
    """Points of the path from a factual, whether it arrives, and the weight of the best path; by Floyd and Warshall."""
    box, x = Box(schema), [float(v) for v in factual]
    if chance(module, x, target) >= settings.tau:
        return [x], True, 0.0
    nodes, units = _nodes(samples, box, x, band)
    n, free = len(nodes), [i for i in range(len(x)) if box.free[i]]
    if not free or n == 0:
        return *nowhere(module, box, x, target, settings), math.inf

    def length(a, b):
        return math.sqrt(sum(((a[i] - b[i]) / units[i]) ** 2 for i in free))

    def allowed(a, b):
        return all((b[i] >= a[i] or box.down[i]) and (b[i] <= a[i] or box.up[i]) for i in free)

    k = min(settings.neighbours, n - 1)
    pairs = set()
    for i in range(n):
        others = sorted((j for j in range(n) if j != i), key=lambda j: length(nodes[i], nodes[j]))
        pairs |= {frozenset((i, j)) for j in others[:k]}
    pairs |= _bridges(n, pairs, lambda i, j: length(nodes[i], nodes[j]))
    weight = np.full((n, n), math.inf)
    np.fill_diagonal(weight, 0.0)
    first = np.full((n, n), -1)
    for i, j in (p for pair in pairs for p in itertools.permutations(pair)):
        if allowed(nodes[i], nodes[j]):
            weight[i, j], first[i, j] = length(nodes[i], nodes[j]) ** 2 + stride**2, j
    for via, i, j in itertools.product(range(n), repeat=3):
        if weight[i, via] + weight[via, j] < weight[i, j]:
            weight[i, j], first[i, j] = weight[i, via] + weight[via, j], first[i, via]
    near = sorted((i for i in range(n) if allowed(x, nodes[i])), key=lambda i: length(x, nodes[i]))
    entries = near[: min(settings.neighbours, n)]
    goals = [j for j in range(n) if chance(module, nodes[j], target) >= settings.tau]
    best, at, goal = math.inf, -1, -1
    for i, j in itertools.product(entries, goals):
        enter = length(x, nodes[i]) ** 2 + stride**2 if nodes[i] != x else 0.0
        if enter + weight[i, j] < best:
            best, at, goal = enter + weight[i, j], i, j
    if goal < 0:
        return *nowhere(module, box, x, target, settings), math.inf
    path = [x] if nodes[at] == x else [x, nodes[at]]
    while at != goal:
        at = first[at, goal]
        path.append(nodes[at])
    return path[: settings.steps + 1], len(path) - 1 <= settings.steps, best


def _nodes(samples, box, x, band):
    """The samples that may be walked on, with the factual's locked values, and the units of the columns."""
    X = np.asarray(samples, dtype=np.float64)
    units, centre = np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0), X.mean(axis=0)
    nodes = []
    for s in X.tolist():
        fits = True
        for i in range(len(x)):
            if box.free[i]:
                fits = fits and box.low[i] <= s[i] <= box.high[i]
            else:
                cell = math.floor((x[i] - centre[i]) / units[i] / band + 0.5)
                fits = fits and abs((s[i] - centre[i]) / units[i] - band * cell) <= band
        if fits:
            nodes.append([s[i] if box.free[i] else x[i] for i in range(len(x))])
    return nodes, units


def _bridges(n, pairs, length):
    """Pairs that join what ``pairs`` leave apart, the shortest first (Kruskal)."""
    piece = list(range(n))

    def root(i):
        while piece[i] != i:
            i = piece[i]
        return i

    for i, j in map(tuple, pairs):
        piece[root(i)] = root(j)
    built = set()
    for i, j in sorted(itertools.combinations(range(n), 2), key=lambda p: length(*p)):
        if root(i) != root(j):
            piece[root(i)] = root(j)
            built.add(frozenset((i, j)))
    return built
