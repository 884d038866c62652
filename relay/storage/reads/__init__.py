"""What pages show, read with one query each; every one by organization and along an index."""
