#!/bin/bash
# Does what the official image documents: turns its own variables and CONNECT_… into worker properties, then replaces this
# process by Connect in distributed mode.
set -euo pipefail
[ "${1:-}" = start ] || exec "$@"
: "${BOOTSTRAP_SERVERS:?}" "${GROUP_ID:?}" "${CONFIG_STORAGE_TOPIC:?}" "${OFFSET_STORAGE_TOPIC:?}"
converter=org.apache.kafka.connect.json.JsonConverter
host=$(hostname -i | cut -d' ' -f1)
properties=/kafka/config/connect-distributed.properties
{
  echo "bootstrap.servers=$BOOTSTRAP_SERVERS"
  echo "group.id=$GROUP_ID"
  echo "config.storage.topic=$CONFIG_STORAGE_TOPIC"
  echo "offset.storage.topic=$OFFSET_STORAGE_TOPIC"
  echo "status.storage.topic=${STATUS_STORAGE_TOPIC:-connect-status}"
  echo "key.converter=${KEY_CONVERTER:-$converter}"
  echo "value.converter=${VALUE_CONVERTER:-$converter}"
  echo "offset.flush.interval.ms=${OFFSET_FLUSH_INTERVAL_MS:-60000}"
  echo "offset.flush.timeout.ms=${OFFSET_FLUSH_TIMEOUT_MS:-5000}"
  echo "task.shutdown.graceful.timeout.ms=${SHUTDOWN_TIMEOUT:-10000}"
  echo "listeners=http://$host:8083,http://127.0.0.1:8083"
  echo "rest.advertised.host.name=$host"
  echo "plugin.path=$KAFKA_CONNECT_PLUGINS_DIR"
  env | sort | while IFS='=' read -r name value; do
    case $name in
      CONNECT_*) echo "$(printf '%s' "${name#CONNECT_}" | tr '[:upper:]_' '[:lower:].')=$value" ;;
    esac
  done
} >"$properties"
exec java ${HEAP_OPTS:--Xms256M -Xmx2G} -Dlog4j2.configurationFile=/etc/kafka/docker/log4j2.xml \
  -cp '/kafka/libs/*' org.apache.kafka.connect.cli.ConnectDistributed "$properties"
