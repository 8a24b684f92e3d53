"""Greedy colourings, and orders of vertices, as loops over integers.

In: graphs, as arrays that say where the neighbours of each vertex start. ``colour`` is
-1 where there is none yet; ``seen`` says for which vertex a colour was last refused. A
list of *slots* says of each vertex which colours are next to it: it has at most as many
as neighbours, and so it starts where these do. ``held`` says how many there are;
``kinds`` is a slot's colour, ``times`` the number of neighbours of that colour,
``first`` the edge to one of them.
"""

from __future__ import annotations

from chainrule.compiler.native.integer_loops import Ints, integer_loops


@integer_loops
def first_free(v: int, seen: Ints) -> int:
    """Return the first colour that was not refused for a vertex."""
    k = 0
    while seen[k] == v:
        k = k + 1
    return k


@integer_loops
def slot(c: int, start: int, count: int, kinds: Ints) -> int:
    """Return the slot of a colour; -1 if there is none."""
    for s in range(start, start + count):
        if kinds[s] == c:
            return s
    return -1


@integer_loops
def apart(
    n: int,
    order: Ints,
    starts: Ints,
    rows: Ints,
    row_starts: Ints,
    columns: Ints,
    colour: Ints,
    seen: Ints,
) -> int:
    """Give each column the first colour that no column with a common row has."""
    most = 0
    for t in range(n):
        j = order[t]
        for a in range(starts[j], starts[j + 1]):
            i = rows[a]
            for b in range(row_starts[i], row_starts[i + 1]):
                c = colour[columns[b]]
                if c >= 0:
                    seen[c] = j
        k = first_free(j, seen)
        colour[j] = k
        most = max(most, k + 1)
    return most


@integer_loops
def noted(
    v: int,
    k: int,
    starts: Ints,
    columns: Ints,
    edges: Ints,
    held: Ints,
    kinds: Ints,
    times: Ints,
    first: Ints,
) -> int:
    """Enter a vertex' colour in the slots of its neighbours."""
    for a in range(starts[v], starts[v + 1]):
        w = columns[a]
        if w == v:
            continue
        s = slot(k, starts[w], held[w], kinds)
        if s < 0:
            s = starts[w] + held[w]
            held[w] = held[w] + 1
            kinds[s] = k
            first[s] = edges[a]
            times[s] = 0
        times[s] = times[s] + 1
    return 0


@integer_loops
def star(
    n: int,
    order: Ints,
    starts: Ints,
    columns: Ints,
    edges: Ints,
    colour: Ints,
    seen: Ints,
    held: Ints,
    kinds: Ints,
    times: Ints,
    first: Ints,
    stars: Ints,
    hubs: Ints,
) -> int:
    """Colour a symmetric graph so that no path of four vertices has two colours.

    Two colours then make stars only. ``stars`` names that of an edge by one of its
    edges; ``hubs`` has the middle of each, -1 while it is a single edge (Gebremedhin,
    Tarafdar, Manne and Pothen, "New acyclic and star coloring algorithms with
    application to computing Hessians", 2007).
    """
    most = 0
    for t in range(n):
        v = order[t]
        for a in range(starts[v], starts[v + 1]):
            w = columns[a]
            if w == v or colour[w] < 0:
                continue
            seen[colour[w]] = v
            shared = times[slot(colour[w], starts[v], held[v], kinds)]
            for s in range(starts[w], starts[w] + held[w]):
                h = hubs[stars[first[s]]]
                if shared > 1 or (times[s] == 1 and h >= 0 and h != w):
                    seen[kinds[s]] = v
        k = first_free(v, seen)
        colour[v] = k
        most = max(most, k + 1)
        noted(v, k, starts, columns, edges, held, kinds, times, first)
        grown(
            v, k, starts, columns, edges, colour, held, kinds, times, first, stars, hubs
        )
    return most


@integer_loops
def grown(
    v: int,
    k: int,
    starts: Ints,
    columns: Ints,
    edges: Ints,
    colour: Ints,
    held: Ints,
    kinds: Ints,
    times: Ints,
    first: Ints,
    stars: Ints,
    hubs: Ints,
) -> int:
    """Put the edges of a vertex that has got its colour into stars."""
    for a in range(starts[v], starts[v + 1]):
        w = columns[a]
        if w == v or colour[w] < 0:
            continue
        s = slot(k, starts[w], held[w], kinds)
        if times[s] > 1:
            stars[edges[a]] = stars[first[s]]
            hubs[stars[edges[a]]] = w
            continue
        s = slot(colour[w], starts[v], held[v], kinds)
        stars[edges[a]] = first[s]
        hubs[first[s]] = -1
        if times[s] > 1:
            hubs[first[s]] = v
    return 0


@integer_loops
def root(e: int, parents: Ints) -> int:
    """Return the edge that a tree is named by."""
    while parents[e] != e:
        parents[e] = parents[parents[e]]
        e = parents[e]
    return e


@integer_loops
def acyclic(
    n: int,
    order: Ints,
    starts: Ints,
    columns: Ints,
    edges: Ints,
    colour: Ints,
    seen: Ints,
    held: Ints,
    kinds: Ints,
    times: Ints,
    first: Ints,
    parents: Ints,
    visitors: Ints,
    through: Ints,
) -> int:
    """Colour a symmetric graph so that no circle has two colours.

    Two colours then make trees. ``parents`` joins their edges; ``visitors`` and
    ``through`` say which vertex came to a tree last, by which neighbour: a vertex that
    comes by two would close a circle (Gebremedhin and others, 2007).
    """
    most = 0
    for t in range(n):
        v = order[t]
        for s in range(starts[v], starts[v] + held[v]):
            seen[kinds[s]] = v
        for a in range(starts[v], starts[v + 1]):
            w = columns[a]
            if w == v or colour[w] < 0:
                continue
            for s in range(starts[w], starts[w] + held[w]):
                if seen[kinds[s]] == v:
                    continue
                e = root(first[s], parents)
                if visitors[e] != v:
                    visitors[e] = v
                    through[e] = w
                if through[e] != w:
                    seen[kinds[s]] = v
        k = first_free(v, seen)
        colour[v] = k
        most = max(most, k + 1)
        noted(v, k, starts, columns, edges, held, kinds, times, first)
        united(v, k, starts, columns, edges, held, kinds, first, parents)
    return most


@integer_loops
def united(
    v: int,
    k: int,
    starts: Ints,
    columns: Ints,
    edges: Ints,
    held: Ints,
    kinds: Ints,
    first: Ints,
    parents: Ints,
) -> int:
    """Join the edges to a vertex with those of its neighbours to the same colour."""
    for a in range(starts[v], starts[v + 1]):
        w = columns[a]
        if w != v:
            s = slot(k, starts[w], held[w], kinds)
            parents[root(edges[a], parents)] = root(first[s], parents)
    return 0


@integer_loops
def linked(n: int, degree: Ints, heads: Ints, after: Ints, before: Ints) -> int:
    """Link the vertices of each degree to a list, which its head begins."""
    for v in range(n):
        moved(v, degree[v], heads, after, before)
    return n


@integer_loops
def moved(v: int, d: int, heads: Ints, after: Ints, before: Ints) -> int:
    """Put a vertex at the head of the list of a degree."""
    before[v] = -1
    after[v] = heads[d]
    if after[v] >= 0:
        before[after[v]] = v
    heads[d] = v
    return d


@integer_loops
def left(v: int, d: int, heads: Ints, after: Ints, before: Ints) -> int:
    """Take a vertex out of the list of a degree."""
    if before[v] >= 0:
        after[before[v]] = after[v]
    else:
        heads[d] = after[v]
    if after[v] >= 0:
        before[after[v]] = before[v]
    return d


@integer_loops
def by_degree(
    n: int,
    step: int,
    starts: Ints,
    columns: Ints,
    degree: Ints,
    order: Ints,
    heads: Ints,
    after: Ints,
    before: Ints,
) -> int:
    """Order vertices by their neighbours among those before them.

    With a ``step`` of -1 each has the fewest, and the last is found first (smallest
    last). With 1 it has the most (incidence). ``heads`` begin the lists of vertices of
    each degree; ``after`` and ``before`` link these. Taken ones have a degree of -1.
    """
    linked(n, degree, heads, after, before)
    d = 0
    for t in range(n):
        if step < 0:
            while heads[d] < 0:
                d = d + 1
            order[n - 1 - t] = heads[d]
        else:
            while heads[d] < 0:
                d = d - 1
            order[t] = heads[d]
        v = heads[d]
        left(v, d, heads, after, before)
        degree[v] = -1
        best = d
        for a in range(starts[v], starts[v + 1]):
            w = columns[a]
            if degree[w] < 0:
                continue
            left(w, degree[w], heads, after, before)
            degree[w] = moved(w, degree[w] + step, heads, after, before)
            if (degree[w] - best) * step > 0:
                best = degree[w]
        d = best
    return n


__all__ = ["acyclic", "apart", "by_degree", "slot", "star"]
