"""The modules of the schema stand in an order: none leads back to itself."""

import copy

import grimp
import pytest

import sxe_pipeline.schema

ROOM = sxe_pipeline.schema.__name__


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("sxe_pipeline", cache_dir=None)


def circles(graph: grimp.ImportGraph) -> list[str]:
    modules = graph.find_descendants(ROOM)
    return sorted(
        module
        for module in modules
        if any(
            module in graph.find_upstream_modules(imported)
            for imported in graph.find_modules_directly_imported_by(module) & modules
        )
    )


def test_no_module_of_the_schema_imports_itself_on_a_way_round(graph):
    assert circles(graph) == []


def test_a_circle_is_found(graph):
    columns, contract = f"{ROOM}.columns", f"{ROOM}.contract"
    seeded = copy.deepcopy(graph)
    seeded.add_import(importer=columns, imported=contract)

    assert {columns, contract} <= set(circles(seeded))
