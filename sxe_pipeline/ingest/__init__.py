"""Ingest: platforms and files become rows, each payload shape mapped once.

In:     landing files `landing/<collection>/...` (JSON Lines, JSON, CSV, Parquet, .xlsx; plain, .gz,
        .zst, .zip)
Out:    ingest.landing_file (the register, never a copy), `Landed` batches of rows in memory
Never:  a stored row, a payload in quarantine, a vendor's e-mail or phone column
"""
