"""The tables, one file per noun. Importing this package fills `metadata`."""
