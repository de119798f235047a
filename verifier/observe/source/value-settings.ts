/** The settings of a capture that decide how its events write values. Others change no value. */
export interface ValueSettings {
  /** `decimal.handling.mode`. */
  readonly decimals: string;
  /** `interval.handling.mode`. */
  readonly interval: string;
  /** `time.precision.mode`. */
  readonly time: string;
  /** `binary.handling.mode`. */
  readonly binary: string;
}

/**
 * Reads them from a source connector's configuration. Keys and defaults are those of Debezium's PostgreSQL connector,
 * which the lab's own takes too. Null for any other connector: nothing is known of its values.
 */
export function valueSettingsIn(config: Readonly<Record<string, string | null>>): ValueSettings | null {
  if (config['connector.class']?.endsWith('.PostgresConnector') !== true) return null;
  return {
    decimals: config['decimal.handling.mode'] ?? 'precise',
    interval: config['interval.handling.mode'] ?? 'numeric',
    time: config['time.precision.mode'] ?? 'adaptive',
    binary: config['binary.handling.mode'] ?? 'bytes',
  };
}
