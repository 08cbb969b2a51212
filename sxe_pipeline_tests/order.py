"""In which order tests run, where several workers share them.

A test that starts processes takes up to a minute. Begun last, it lets the other workers wait; so
each worker begins with its share of them. Among themselves both kinds stay in the order that was
drawn, and those of a module together, which share what it starts.
"""

from itertools import groupby


def longest_first(items, workers):
    """The tests, for workers that each take an equal stretch of them and steal what is left.

    Args:
        items: Tests in the order that was drawn.
        workers: How many there are.
    """
    starting = [item for item in items if item.get_closest_marker("processes")]
    others = iter([item for item in items if not item.get_closest_marker("processes")])
    modules = [list(tests) for _, tests in groupby(starting, lambda item: item.path)]
    ordered = []
    for number in range(workers):
        ordered += [item for module in modules[number::workers] for item in module]
        end = len(items) * (number + 1) // workers
        ordered += [item for _, item in zip(range(end - len(ordered)), others, strict=False)]
    return [*ordered, *others]
