"""The live rules (YAML beside this file) and the pure engine that reads them."""
