#!/bin/sh
# sophia as its service on this host runs it: the same user, home and configuration. For root.
# Without the service nothing stays behind in the background.
systemctl is-active --quiet sophia.service || set -- --no-daemon "$@"
cd / && exec runuser -u sophia -- env \
  SOPHIA_HOME={{ services.sophia.home | quote }} SOPHIA_CONFIG=/etc/sophia/sophia.yaml \
  HOME={{ services.sophia.home | quote }} /opt/sophia/venv/bin/sophia "$@"
