/** Where the two records are not the same. Numbers are as they were written, behind a `#`. */
export interface Difference {
  readonly variant: string;
  /** Without its prefix. */
  readonly topic: string;
  /** Which record of the topic, from 0. */
  readonly index: number;
  readonly op: string;
  /** `payload.after.c_text`; `count` where one engine has more records. */
  readonly path: string;
  readonly ours: unknown;
  readonly theirs: unknown;
}

/** A difference that is meant, or known. */
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

export const LISTED: readonly Listed[] = [
  {
    what: '`source.version`',
    why: 'each engine says its own',
    covers: source('version'),
  },
  {
    what: '`ts_ms`, `ts_us`, `ts_ns` at the end of an event',
    why: 'when each engine made it',
    covers: path(/^value\.(payload\.)?ts_(ms|us|ns)$/),
  },
  {
    what: '`source.lsn`, `sequence`, `ts_*`, `txId` of snapshot rows',
    why: 'each engine took a snapshot of its own, at its own slot’s place and time',
    covers: (d) => d.op === 'r' && source('lsn|sequence|ts_ms|ts_us|ts_ns|txId')(d),
  },
  {
    what: 'header `cdc.position`',
    why: 'this engine’s own; Debezium has none',
    covers: path(/^headers\.cdc\.position$/),
  },
  {
    what: 'headers `__debezium.context.runId` and `connectorLogicalName`',
    why: 'each run has an id of its own, and each connector its prefix',
    covers: path(/^headers\.__debezium\.context\.(runId|connectorLogicalName)$/),
  },
  {
    what: 'how many heartbeats there are, and when',
    why: 'one each interval here; Debezium sends one when the server speaks and the interval is over',
    covers: (d) => d.topic.startsWith('__debezium-heartbeat') && /^count$|ts_ms$/.test(d.path),
  },
  {
    what: 'NULL where the column has a DEFAULT',
    why: 'JsonConverter puts the default in its place (`replace.null.with.default`); the row says NULL',
    covers: (d) => column('t_default', 'c_num|c_bool|c_json')(d) && d.ours === null,
  },
  {
    what: 'unchanged TOAST value of a `bytea` under base64',
    why: 'Debezium sends null, which nobody can tell from NULL; here the placeholder',
    covers: (d) =>
      column('t_toast', 'data')(d) && d.ours === '__debezium_unavailable_value' && d.theirs === null,
  },
  {
    what: '`name`, streamed',
    why: 'Debezium writes null; here the value',
    covers: (d) => column('t_scalar', 'c_name')(d) && d.ours === 'name' && d.theirs === null,
  },
  {
    what: 'arrays of enums',
    why: 'Debezium writes null, and says that no element may be NULL; here the labels, and NULL among them',
    covers: (d) =>
      (column('t_array', 'c_moods')(d) && Array.isArray(d.ours) && d.theirs === null) ||
      // Its field in both rows of the schema: c_moods is the table's 25th column.
      (d.topic.endsWith('.t_array') &&
        /^value\.schema\.fields\.[01]\.fields\.24\.items\.optional$/.test(d.path) &&
        d.ours === true),
  },
  {
    what: 'arrays of `time`',
    why: 'Debezium cuts to milliseconds, and says that 24:00 is midnight; here microseconds, as in its `time`',
    covers: column('t_array', 'c_times\\.\\d+'),
  },
  {
    what: 'arrays of `timetz`',
    why: 'Debezium cuts to whole seconds; here microseconds, as in its `timetz`',
    covers: column('t_array', 'c_timetzs\\.\\d+'),
  },
  {
    what: '`source.sequence` of the first change after a second snapshot',
    why: 'Debezium forgets the commit before it, and says null',
    covers: (d) =>
      d.variant.includes('always') && source('sequence')(d) && String(d.theirs).startsWith('[null,'),
  },
];
