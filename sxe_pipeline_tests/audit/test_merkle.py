"""The tree is that of RFC 9162, held against its definition written down once more."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sxe_pipeline.audit import merkle

LEAVES = [hashlib.sha256(bytes([0, n])).digest() for n in range(130)]


def naive_root(leaves):
    """MTH of RFC 9162, 2.1.1, over hashes of leaves."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    parts = naive_root(leaves[:k]) + naive_root(leaves[k:])
    return hashlib.sha256(b"\x01" + parts).digest()


def naive_path(m, leaves):
    """PATH of RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m, leaves, is_known):
    """SUBPROOF of RFC 9162, 2.1.4.1."""
    if m == len(leaves):
        return [] if is_known else [naive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*naive_subproof(m, leaves[:k], is_known), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


def grown(leaves, tree=None):
    tree = tree or merkle.Frontier()
    for leaf in leaves:
        tree.add(leaf)
    return tree


@pytest.mark.parametrize("size", range(len(LEAVES)))
def test_a_growing_tree_has_the_root_of_the_definition(size):
    tree = grown(LEAVES[:size])

    assert tree.root == naive_root(LEAVES[:size]) == merkle.Tree(LEAVES[:size]).root()
    assert len(tree.peaks) == size.bit_count()


@given(st.integers(0, 129), st.integers(0, 129))
def test_a_tree_goes_on_from_its_peaks(one, other):
    first, last = sorted((one, other))
    begun = grown(LEAVES[:first])

    went_on = grown(LEAVES[first:last], merkle.Frontier(begun.size, begun.peaks))

    assert went_on.root == naive_root(LEAVES[:last])


def test_peaks_of_another_size_are_refused():
    with pytest.raises(ValueError, match="does not have 1 peaks"):
        merkle.Frontier(3, LEAVES[:1])


@given(st.data())
def test_an_inclusion_proof_is_that_of_the_definition_and_no_other_leaf_fits_it(data):
    whole = merkle.Tree(LEAVES)
    size = data.draw(st.integers(1, len(LEAVES)))
    index = data.draw(st.integers(0, size - 1))

    path, root = whole.inclusion(index, size), whole.root(size)

    assert path == naive_path(index, LEAVES[:size])
    assert merkle.is_included(LEAVES[index], index, size, path, root)
    other = data.draw(st.integers(0, len(LEAVES) - 1).filter(lambda n: n != index))
    assert not merkle.is_included(LEAVES[other], index, size, path, root)
    assert not merkle.is_included(LEAVES[index], other, size, path, root)
    assert not merkle.is_included(LEAVES[index], index, size, [*path, LEAVES[0]], root)
    assert not merkle.is_included(LEAVES[index], index, size, path, LEAVES[other])


@given(st.data())
def test_a_consistency_proof_is_that_of_the_definition_and_no_other_root_fits_it(data):
    whole = merkle.Tree(LEAVES)
    size = data.draw(st.integers(1, len(LEAVES)))
    old = data.draw(st.integers(1, size))

    path, old_root, root = whole.consistency(old, size), whole.root(old), whole.root(size)

    assert path == naive_subproof(old, LEAVES[:size], True)
    assert merkle.is_consistent(old, size, old_root, root, path)
    assert not merkle.is_consistent(old, size, LEAVES[0][::-1], root, path)
    assert not merkle.is_consistent(old, size, old_root, LEAVES[0][::-1], path)
    assert not merkle.is_consistent(old, size, old_root, root, [*path, LEAVES[0]])


@pytest.mark.parametrize(("index", "size"), [(-1, 2), (2, 2), (0, 131), (0, 0)])
def test_a_proof_of_what_is_not_there_is_refused(index, size):
    whole = merkle.Tree(LEAVES)

    with pytest.raises(ValueError, match="no leaf"):
        whole.inclusion(index, size)
    assert not merkle.is_included(LEAVES[0], index, min(size, 2), [], LEAVES[0])


def test_a_proof_from_no_leaf_is_refused():
    with pytest.raises(ValueError, match="no first 0"):
        merkle.Tree(LEAVES).consistency(0)
    assert not merkle.is_consistent(0, 3, merkle.EMPTY, LEAVES[0], [])
    assert not merkle.is_consistent(3, 5, LEAVES[0], LEAVES[1], [])
