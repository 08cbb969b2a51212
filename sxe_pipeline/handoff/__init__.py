"""Handoff: rows of any contract become signed, versioned batches.

In:     a table that meets its contract, the chain of earlier batches
Out:    Parquet and JSON Lines in <contract>/<major>/<batch_id>/, manifest last; handoff.batch;
        an event of each batch to whoever subscribed
Never:  knowledge of what a row means, a batch without its manifest, a change to a published one
"""
