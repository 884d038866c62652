"""The WSGI object: `relay.wsgi:app`."""

import os
import sys

from relay import bootstrap
from relay.pipeline.measuring import Keeper
from relay.settings import Settings
from relay.web.app import create_app

# Seconds. A request's thread soon waits for its commit and gives way by itself; taking turns in
# the middle of each (5 ms is Python's own) cost a fifth of the accepts a second.
sys.setswitchinterval(0.05)
runtime = bootstrap.build(Settings.from_env(os.environ), role="web")
app = create_app(runtime)
keeper = Keeper(runtime)
