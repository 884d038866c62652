"""The use cases, as an event meets them: receive, complete, route, act, deliver, sweep."""
