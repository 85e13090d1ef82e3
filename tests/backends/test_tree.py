"""Samples of one prompt are one line until they part, and every row keeps its own tokens."""

from __future__ import annotations

import numpy as np

from harness.backends.tree import Tree

STOP = frozenset({2})


def say(tree, tokens):
    """Record one token for each row that goes on, by row."""
    drawn = np.array([tokens[row] for row in tree.rows])
    tree.record(drawn, -np.ones(len(drawn)), np.ones(len(drawn)))


def test_rows_that_agree_share_a_line_and_fork_when_they_differ():
    tree = Tree(np.array([0, 0, 0, 1]), np.array([5] * 4), STOP)
    say(tree, {0: 7, 1: 7, 2: 7, 3: 9})
    moves = tree.advance()
    assert moves.keep is None and len(moves.fork) == 0
    assert moves.ids.tolist() == [7, 9]
    say(tree, {0: 7, 1: 8, 2: 8, 3: 9})
    moves = tree.advance()
    assert moves.fork.tolist() == [0]
    assert moves.ids.tolist() == [7, 9, 8]
    assert tree.line.tolist() == [0, 2, 2, 1]
    assert tree.prompt_L.tolist() == [0, 1, 0]


def test_a_line_without_rows_leaves():
    tree = Tree(np.array([0, 1, 2]), np.array([5] * 3), STOP)
    say(tree, {0: 7, 1: 2, 2: 9})
    moves = tree.advance()
    assert moves.keep.tolist() == [0, 2]
    assert moves.ids.tolist() == [7, 9]
    assert tree.rows.tolist() == [0, 2] and tree.line.tolist() == [0, 1]


def test_a_row_ends_at_its_own_limit():
    tree = Tree(np.array([0, 0]), np.array([1, 3]), STOP)
    say(tree, {0: 7, 1: 7})
    assert tree.rows.tolist() == [1]
    tree.advance()
    say(tree, {1: 8})
    tree.advance()
    say(tree, {1: 9})
    assert tree.done
    assert tree.ids[1].tolist() == [7, 8, 9] and tree.length.tolist() == [1, 3]


def test_a_random_walk_feeds_every_row_its_own_last_token():
    chance = np.random.Generator(np.random.Philox(key=3))
    source = np.repeat(np.arange(20), 5)
    tree = Tree(source, np.full(100, 12), STOP)
    lines = list(range(20))  # what each line of a runner would have been fed so far
    fed = dict.fromkeys(lines, ())
    while True:
        zeros = np.zeros(len(tree.rows))
        tree.record(chance.integers(2, 6, len(tree.rows)), zeros, zeros)
        if tree.done:
            break
        moves = tree.advance()
        if moves.keep is not None:
            fed = {new: fed[old] for new, old in enumerate(moves.keep)}
        for parent in moves.fork:
            fed[len(fed)] = fed[parent]
        fed = {line: (*said, int(moves.ids[line])) for line, said in fed.items()}
        assert len(fed) == len(tree.prompt_L) <= 100
        for row, line in zip(tree.rows, tree.line, strict=True):
            assert fed[line] == tuple(tree.ids[row, : tree.step])
            assert tree.prompt_L[line] == source[row]


def test_places_number_the_rows_of_each_line():
    tree = Tree(np.array([1, 0, 1, 1, 0]), np.array([5] * 5), STOP)
    place, most = tree.places()
    assert place.tolist() == [0, 0, 1, 2, 1]
    assert most == 3
