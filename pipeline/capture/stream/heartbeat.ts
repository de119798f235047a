import type { Position } from '../../contract/position.ts';
import type { ProducedRecord } from '../../contract/records.ts';
import type { SourceConfig } from '../config/source-config.ts';

const field = (name: string, type: 'string' | 'int64') => ({ type, optional: false, field: name });
const struct = (name: string, fields: readonly unknown[]) => ({
  type: 'struct',
  fields,
  optional: false,
  name: `io.debezium.connector.common.${name}`,
  version: 1,
});
const KEY_SCHEMA = struct('ServerNameKey', [field('serverName', 'string')]);
const VALUE_SCHEMA = struct('Heartbeat', [field('ts_ms', 'int64')]);

/**
 * Debezium's heartbeat record (`heartbeat.interval.ms`). The slot does not need it here, since keepalives are
 * acknowledged; whoever watches the topic sees that the connector lives. It is no change, so it has no
 * position.
 */
export function heartbeat(config: SourceConfig, nowMs: number): ProducedRecord {
  const json = (schema: unknown, payload: unknown) =>
    Buffer.from(JSON.stringify(config.encoder.schemasEnable ? { schema, payload } : payload));
  return {
    topic: config.heartbeat.topic,
    key: json(KEY_SCHEMA, { serverName: config.topicPrefix }),
    value: json(VALUE_SCHEMA, { ts_ms: nowMs }),
    headers: new Map(),
    position: '' as Position,
  };
}
