"""Many lines at once, as files bring them: prepared, then stored, set by set."""
