"""Celery lives here, and behind relay/queue.py."""
