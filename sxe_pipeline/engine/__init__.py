"""Scan, shuffle by key, map over record batches, on whichever engine is handed in.

In:     Parquet files or record batches, a function over record batches, the key of a shuffle
Out:    record batches, the same on DuckDB (`Local`) and on Spark (`engine.spark`, an extra)
Never:  a login, a secret or a store's identity in a worker; a value of a row in an error text
"""

from sxe_pipeline.engine.act import Act
from sxe_pipeline.engine.checksum import checksum
from sxe_pipeline.engine.local import HERE, Local
from sxe_pipeline.engine.rows import Engine, Files, Rows, Shuffle

__all__ = ["HERE", "Act", "Engine", "Files", "Local", "Rows", "Shuffle", "checksum"]
