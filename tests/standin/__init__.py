"""Stand-ins for systems elsewhere, written without any of Relay's own code."""
