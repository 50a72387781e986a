"""What every other layer stands on: values, records, the tape's data structures, dtypes, errors, provenance."""
