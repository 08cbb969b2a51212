"""The columns of every table and contract, and what is generated from them.

In:     contracts/<id>/<version>.odcs.yaml (ODCS v3.1); the tables of Tier 1 (`tables`)
Out:    Arrow schema, JSON Schema, docs; `ContractBroken` for data that breaks a contract or table
Never:  a column of a table without a class, a value of a row in an error text
"""

from sxe_pipeline.schema.columns import Column, Rule
from sxe_pipeline.schema.contract import Contract
from sxe_pipeline.schema.generated import generate
from sxe_pipeline.schema.load import available, load, load_all, parse

__all__ = ["Column", "Contract", "Rule", "available", "generate", "load", "load_all", "parse"]
