"""The Merkle tree of RFC 9162 over the leaves of the log. Pure.

A leaf is a hash already (`payload.leaf_hash`); a node is SHA-256(0x01, left, right). A tree of n
leaves splits at the largest power of two below n. Its peaks are the roots of the perfect trees that
n is the sum of, left to right: with them alone leaves are added and the root is known.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import reduce

EMPTY = hashlib.sha256(b"").digest()
"""The root of no leaf."""


def node(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(peaks: Sequence[bytes]) -> bytes:
    """The root of the tree that has these peaks."""
    if not peaks:
        return EMPTY
    return reduce(lambda right, left: node(left, right), reversed(peaks))


class Frontier:
    """A tree that grows: its size and its peaks, however many leaves it has.

    Example:
        >>> tree = Frontier()
        >>> tree.add(EMPTY)
        >>> (tree.size, tree.root == EMPTY)
        (1, True)
    """

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        """Go on from a tree.

        Raises:
            ValueError: A tree of that size has another number of peaks.
        """
        self.size, self.peaks = size, list(peaks)
        if len(self.peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves does not have {len(self.peaks)} peaks")

    def add(self, leaf: bytes) -> None:
        """Append a leaf."""
        peaks, size = self.peaks, self.size
        while size & 1:
            leaf = hashlib.sha256(b"\1" + peaks.pop() + leaf).digest()
            size >>= 1
        peaks.append(leaf)
        self.size += 1

    @property
    def root(self) -> bytes:
        """Of the leaves so far."""
        return root_of(self.peaks)


class Tree:
    """All leaves, for proofs: 64 bytes of memory each."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        """Hash every perfect subtree once."""
        self._levels = [b"".join(leaves)]
        self.size = len(self._levels[0]) // 32
        while len(self._levels[-1]) >= 64:
            below = self._levels[-1]
            pairs = len(below) // 64
            self._levels.append(
                b"".join(
                    hashlib.sha256(b"\1" + below[64 * i : 64 * i + 64]).digest()
                    for i in range(pairs)
                )
            )
        self._ragged: dict[tuple[int, int], bytes] = {}

    def root(self, size: int | None = None) -> bytes:
        """Of the first `size` leaves; None is all."""
        size = self.size if size is None else size
        return self._over(0, size) if size else EMPTY

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """The hashes that lead from a leaf to the root over the first `size` leaves, lowest first.

        Raises:
            ValueError: There is no such leaf in a tree of that size.
        """
        size = self.size if size is None else size
        if not 0 <= index < size <= self.size:
            raise ValueError(f"no leaf {index} in the first {size} of {self.size}")
        start, end, path = 0, size, list[bytes]()
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._over(middle, end))
                end = middle
            else:
                path.append(self._over(start, middle))
                start = middle
        return path[::-1]

    def consistency(self, old: int, size: int | None = None) -> list[bytes]:
        """The hashes that show that the tree begins with its first `old` leaves.

        Raises:
            ValueError: No such two trees.
        """
        size = self.size if size is None else size
        if not 0 < old <= size <= self.size:
            raise ValueError(f"no first {old} in the first {size} of {self.size}")
        start, end, is_known, path = 0, size, True, list[bytes]()
        while old != end - start:
            middle = start + _split(end - start)
            if old <= middle - start:
                path.append(self._over(middle, end))
                end = middle
            else:
                path.append(self._over(start, middle))
                old, start, is_known = old - (middle - start), middle, False
        return [*([] if is_known else [self._over(start, end)]), *path[::-1]]

    def _over(self, start: int, end: int) -> bytes:
        """The root over some leaves that make a subtree: a perfect one is stored."""
        count = end - start
        if count & (count - 1) == 0:
            at = 32 * (start // count)
            return self._levels[count.bit_length() - 1][at : at + 32]
        if (start, end) not in self._ragged:
            middle = start + _split(count)
            self._ragged[start, end] = node(self._over(start, middle), self._over(middle, end))
        return self._ragged[start, end]


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof of `Tree.inclusion` leads from a leaf to a root."""
    if not 0 <= index < size:
        return False
    last, found = size - 1, leaf
    for other in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            found = node(other, found)
            while index & 1 == 0 and index:
                index, last = index >> 1, last >> 1
        else:
            found = node(found, other)
        index, last = index >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(old: int, size: int, old_root: bytes, root: bytes, path: Sequence[bytes]) -> bool:
    """Whether a proof of `Tree.consistency` shows that one tree begins with another.

    Args:
        old: Leaves of the smaller tree, at least 1.
        size: Leaves of the larger.
        old_root: Of the smaller.
        root: Of the larger.
        path: The proof.
    """
    if not 0 < old <= size:
        return False
    if old == size:
        return not path and old_root == root
    hashes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not hashes:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = hashes[0]
    for other in hashes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node(other, first), node(other, second)
            while at & 1 == 0 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node(second, other)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == root


def _split(count: int) -> int:
    """The largest power of two below a count of 2 or more."""
    return 1 << ((count - 1).bit_length() - 1)
