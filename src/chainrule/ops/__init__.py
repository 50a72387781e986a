"""The records: one file per kind of operation, each op complete in one place."""
