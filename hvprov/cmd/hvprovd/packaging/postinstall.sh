#!/bin/sh
# The service is not started: it has no hosts yet. An upgrade restarts it if it runs; its jobs continue on their hosts.
set -e
systemd-sysusers hvprovd.conf
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl try-restart hvprovd.service
fi
