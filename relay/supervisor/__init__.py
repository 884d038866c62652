"""One machine's Relay: broker, web, worker and beat, started in order, watched, stopped cleanly."""
