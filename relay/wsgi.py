"""The WSGI object: `relay.wsgi:app`."""

import os

from relay import bootstrap
from relay.settings import Settings
from relay.web.app import create_app

app = create_app(bootstrap.build(Settings.from_env(os.environ), role="web"))
