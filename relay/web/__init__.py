"""HTTP in and out. No decisions."""
