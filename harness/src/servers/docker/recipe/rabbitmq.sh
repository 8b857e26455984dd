#!/bin/sh
# The entry point of a RabbitMQ image made by `lab images`. The broker itself understands RABBITMQ_DEFAULT_USER,
# RABBITMQ_DEFAULT_PASS, RABBITMQ_DEFAULT_VHOST and RABBITMQ_NODENAME; files in /etc/rabbitmq/conf.d are its configuration.
set -eu

HOME=/var/lib/rabbitmq
# The start script then becomes the broker instead of waiting for it.
RUNNING_UNDER_SYSTEMD=true
export HOME RUNNING_UNDER_SYSTEMD

if [ "$(id -u)" = 0 ]; then
    chown rabbitmq: /var/lib/rabbitmq /var/log/rabbitmq
    exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups -- "$0" "$@"
fi

if [ "$1" = rabbitmq-server ]; then
    shift
    # The distribution's own wrapper wants root.
    set -- "$(echo /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin)/rabbitmq-server" "$@"
fi
exec "$@"
