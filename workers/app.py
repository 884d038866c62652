"""The Celery application: `celery -A workers.app`. Messages only wake; rows are the truth."""

import os

from celery import Celery
from kombu.transport.redis import QoS

from relay.settings import Settings
from workers import watching
from workers.schedule import SCHEDULE

__all__ = ["app", "watching"]  # which hears beat start

settings = Settings.from_env(os.environ)

# A message that was being handled when a worker was told to stop would be put back and handled
# again later; its row is swept anyway.
QoS.restore_at_shutdown = False

app = Celery("relay", broker=settings.broker_url, include=["workers.tasks"])
app.conf.update(
    # Ids only, as JSON: nothing to unpickle.
    task_serializer="json",
    accept_content=["json"],
    # Nobody reads results, and a day of them fills the broker.
    task_ignore_result=True,
    result_backend=None,
    # Wake-ups are hints: acknowledged early, and a lost one is swept.
    task_acks_late=False,
    # Prefetching would let one child sit on work while another idles.
    worker_prefetch_multiplier=1,
    # A child's memory is given back now and then.
    worker_max_tasks_per_child=20_000,
    worker_send_task_events=False,
    task_send_sent_event=False,
    # On a deploy, chunks in hand end; 0, the default, drops them.
    worker_soft_shutdown_timeout=30,
    # Our log writes to standard error itself.
    worker_redirect_stdouts=False,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        # Without limits a dead broker is waited for for ever.
        "socket_connect_timeout": 1,
        "socket_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
        # A list of what is not acknowledged yet was half of what a worker's parent did. A wake-up
        # that is lost with its worker is swept.
        "ack_emulation": False,
        "global_keyprefix": "relay:",
    },
    task_default_queue="relay",
    timezone="UTC",
    beat_schedule=SCHEDULE,
    # The loop must not sleep past the shortest period.
    beat_max_loop_interval=1,
)
