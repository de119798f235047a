/** One difference between two records. Numbers are as they were written, after a `#`. */
export interface Difference {
  readonly variant: string;
  /** Its prefix is replaced by `PREFIX`. */
  readonly topic: string;
  /** Number of the record in its topic, from 0; -1 if the topics have different numbers of records. */
  readonly index: number;
  readonly op: string;
  /** `value.payload.after.c_text`; `count` if one engine has more records. */
  readonly path: string;
  readonly ours: unknown;
  readonly theirs: unknown;
}

/** A difference that is intended or known. */
export interface Listed {
  readonly what: string;
  readonly why: string;
  readonly covers: (difference: Difference) => boolean;
}

const path = (expression: RegExp) => (difference: Difference) => expression.test(difference.path);
const source = (names: string) => path(new RegExp(`^value\\.(payload\\.)?source\\.(${names})$`));
const column = (table: string, names: string) => (difference: Difference) =>
  difference.topic.endsWith(`.${table}`) &&
  new RegExp(`^value\\.(payload\\.)?(before|after)\\.(${names})$`).test(difference.path);

/** Every difference that does not fail the comparison. */
export const LISTED: readonly Listed[] = [
  {
    what: '`source.version`',
    why: 'each engine writes its version',
    covers: source('version'),
  },
  {
    what: '`ts_ms`, `ts_us`, `ts_ns` at the end of an event',
    why: 'the time at which each engine made the event',
    covers: path(/^value\.(payload\.)?ts_(ms|us|ns)$/),
  },
  {
    what: '`source.lsn`, `sequence`, `ts_*`, `txId` of snapshot rows',
    why: 'each engine took its snapshot at another time, at the consistent point of its slot',
    covers: (d) => d.op === 'r' && source('lsn|sequence|ts_ms|ts_us|ts_ns|txId')(d),
  },
  {
    what: 'header `cdc.position`',
    why: 'only this engine has it',
    covers: path(/^headers\.cdc\.position$/),
  },
  {
    what: 'headers `__debezium.context.runId` and `connectorLogicalName`',
    why: 'every run has another id, and every connector another prefix',
    covers: path(/^headers\.__debezium\.context\.(runId|connectorLogicalName)$/),
  },
  {
    what: 'number and times of heartbeats',
    why: 'one per interval here; Debezium sends one when the server sends a message after the interval',
    covers: (d) => d.topic.startsWith('__debezium-heartbeat') && /^count$|ts_ms$/.test(d.path),
  },
  {
    what: 'NULL where the column has a DEFAULT',
    why: 'NULL here, as in the row; JsonConverter writes the default (`replace.null.with.default`)',
    covers: (d) => column('t_default', 'c_num|c_bool|c_json')(d) && d.ours === null,
  },
  {
    what: 'unchanged TOAST value of a `bytea` under base64',
    why: 'the placeholder here; Debezium writes null, which cannot be distinguished from NULL',
    covers: (d) =>
      column('t_toast', 'data')(d) && d.ours === '__debezium_unavailable_value' && d.theirs === null,
  },
  {
    what: '`name`, streamed',
    why: 'the value here; Debezium writes null',
    covers: (d) => column('t_scalar', 'c_name')(d) && d.ours === 'name' && d.theirs === null,
  },
  {
    what: 'arrays of enums',
    why: 'the labels here, and elements may be NULL; Debezium writes null, with a schema in which no element may be NULL',
    covers: (d) =>
      (column('t_array', 'c_moods')(d) && Array.isArray(d.ours) && d.theirs === null) ||
      // In the schema of both rows: c_moods is the table's 25th column.
      (d.topic.endsWith('.t_array') &&
        /^value\.schema\.fields\.[01]\.fields\.24\.items\.optional$/.test(d.path) &&
        d.ours === true),
  },
  {
    what: 'arrays of `time`',
    why: 'microseconds here, as in a `time`; Debezium cuts to milliseconds, and writes 24:00 as 00:00',
    covers: column('t_array', 'c_times\\.\\d+'),
  },
  {
    what: 'arrays of `timetz`',
    why: 'microseconds here, as in a `timetz`; Debezium cuts to seconds',
    covers: column('t_array', 'c_timetzs\\.\\d+'),
  },
  {
    what: '`source.sequence` of the first change after a second snapshot',
    why: 'the LSN of the commit before it here; Debezium has forgotten it, and writes null',
    covers: (d) =>
      d.variant.includes('always') && source('sequence')(d) && String(d.theirs).startsWith('[null,'),
  },
];
