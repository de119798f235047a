type Config = Readonly<Record<string, string>>;

/** A configuration with which both engines run. */
export interface Variant {
  readonly name: string;
  /** Keys for both engines. */
  readonly config: Config;
  /** Captured tables besides the marker's; {@link USUAL} if undefined. */
  readonly tables?: readonly string[];
  /** What happens after the workload. */
  readonly after?: 'restart';
  /** Nothing is streamed, so no marker arrives. */
  readonly streams?: false;
}

/** Every table except those with values that some modes cannot hold, and those of the snapshot modes. */
export const USUAL: readonly string[] = [
  ...['t_scalar', 't_more', 't_time', 't_array', 't_default', 't_toast', 't_toast_full', 't_full', 't_index'],
  ...['t_nothing', 't_keys', 't_include', 't_nokey', 't_truncate', 't_ddl', 't.Odd name'],
];
const TIMES = ['t_time', 't_array'];
const PLAIN: Config = { 'key.converter.schemas.enable': 'false', 'value.converter.schemas.enable': 'false' };

export const VARIANTS: readonly Variant[] = [
  { name: 'defaults, schemas on', config: { 'extended.headers.enabled': 'true' } },
  { name: 'schemas off, every operation', config: { ...PLAIN, 'skipped.operations': 'none' } },
  {
    name: 'decimals as strings, time in microseconds',
    config: {
      'decimal.handling.mode': 'string',
      'time.precision.mode': 'adaptive_time_microseconds',
      'binary.handling.mode': 'base64',
      'interval.handling.mode': 'string',
      'hstore.handling.mode': 'map',
    },
    tables: [...USUAL, 't_special'],
  },
  {
    name: 'decimals as doubles, Connect times',
    config: {
      'decimal.handling.mode': 'double',
      'time.precision.mode': 'connect',
      'binary.handling.mode': 'hex',
      'interval.handling.mode': 'string',
    },
    tables: [...USUAL, 't_special'],
  },
  {
    name: 'ISO strings',
    config: { 'time.precision.mode': 'isostring', 'binary.handling.mode': 'base64-url-safe' },
    tables: [...TIMES, 't_scalar', 't_toast'],
  },
  {
    name: 'microseconds',
    config: { 'time.precision.mode': 'microseconds' },
    tables: [...TIMES, 't_infinite'],
  },
  { name: 'nanoseconds', config: { 'time.precision.mode': 'nanoseconds' }, tables: [...TIMES, 't_infinite'] },
  { name: 'extreme dates', config: {}, tables: ['t_extreme'] },
  {
    name: 'extreme dates, Connect times',
    config: { ...PLAIN, 'time.precision.mode': 'connect' },
    tables: ['t_extreme'],
  },
  {
    name: 'transactions, heartbeats, no tombstones',
    config: {
      'provide.transaction.metadata': 'true',
      'heartbeat.interval.ms': '500',
      'tombstones.on.delete': 'false',
    },
    tables: ['t_full', 't_keys', 't_nokey', 't_truncate'],
  },
  {
    name: 'another placeholder, few operations',
    config: { 'unavailable.value.placeholder': 'n/a', 'skipped.operations': 'u,t', ...PLAIN },
    tables: ['t_toast', 't_full', 't_keys'],
  },
  { name: 'snapshot.mode=no_data', config: { 'snapshot.mode': 'no_data' }, tables: ['t_mode'] },
  { name: 'snapshot.mode=when_needed', config: { 'snapshot.mode': 'when_needed' }, tables: ['t_mode'] },
  {
    name: 'snapshot.mode=initial_only',
    config: { 'snapshot.mode': 'initial_only' },
    tables: ['t_mode'],
    streams: false,
  },
  {
    name: 'snapshot.mode=initial, restarted',
    config: { 'snapshot.mode': 'initial' },
    tables: ['t_mode'],
    after: 'restart',
  },
  {
    name: 'snapshot.mode=always, restarted',
    config: { 'snapshot.mode': 'always' },
    tables: ['t_mode'],
    after: 'restart',
  },
];
