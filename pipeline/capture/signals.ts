import { z } from 'zod';
import type { Logger } from '../contract/connector.ts';
import type { TableName } from './publication.ts';
import type { SignalRow } from './record-queue.ts';
import type { SnapshotJob } from './source-offset.ts';

const snapshotData = z.looseObject({
  'data-collections': z.array(z.string()).min(1),
  type: z.string().optional(),
});
const stopData = z.looseObject({ 'data-collections': z.array(z.string()).optional() });

/** What a row of the signalling table asks for. */
export type SignalOrder =
  | { readonly tag: 'snapshot'; readonly job: SnapshotJob }
  /** Undefined: every table of every incremental snapshot. */
  | { readonly tag: 'stop'; readonly tables: readonly RegExp[] | undefined }
  | { readonly tag: 'none' };

/**
 * Reads a signal as Debezium defines it: `execute-snapshot`, `stop-snapshot`, `log`. What cannot be done is
 * an error in the log, never a stop: anybody who may write to the table could stop the pipeline otherwise.
 */
export function readSignal(row: SignalRow, captured: readonly TableName[], log: Logger): SignalOrder {
  const refuse = (why: string): SignalOrder => {
    log.error(`Signal ignored: ${why}`, { signal: row.id, type: row.type });
    return { tag: 'none' };
  };
  if (row.id === '') return refuse('it has no id.');
  switch (row.type) {
    case 'execute-snapshot':
      return executeSnapshot(row, captured, refuse);
    case 'stop-snapshot': {
      const data = parse(stopData, row.data ?? '{}');
      if (data === undefined) return refuse('its data is not {"data-collections": […]}.');
      const names = data['data-collections'];
      return { tag: 'stop', tables: names ? expressions(names) : undefined };
    }
    case 'log':
      log.info('Signal.', { signal: row.id, data: row.data });
      return { tag: 'none' };
    default:
      return refuse(`type "${row.type}" is not supported by the TypeScript engine.`);
  }
}

function executeSnapshot(
  row: SignalRow,
  captured: readonly TableName[],
  refuse: (why: string) => SignalOrder,
): SignalOrder {
  const data = parse(snapshotData, row.data ?? '');
  if (data === undefined) return refuse('its data is not {"data-collections": ["schema.table"], "type": …}.');
  const kind = (data.type ?? 'incremental').toLowerCase();
  if (kind !== 'incremental' && kind !== 'blocking') {
    return refuse(`a snapshot of type "${kind}" is not known; it takes incremental or blocking.`);
  }
  for (const key of ['additional-conditions', 'additional-condition', 'surrogate-key']) {
    if (data[key] !== undefined) return refuse(`"${key}" is not supported by the TypeScript engine.`);
  }
  const wanted = expressions(data['data-collections']);
  if (wanted === undefined) return refuse('a data-collection is no regular expression.');
  const tables = captured.filter((t) =>
    wanted.some((expression) => expression.test(`${t.schema}.${t.table}`)),
  );
  if (tables.length === 0) return refuse(`no captured table matches ${data['data-collections'].join(', ')}.`);
  return { tag: 'snapshot', job: newJob(row.id, kind, tables) };
}

export function newJob(id: string, kind: SnapshotJob['kind'], tables: readonly TableName[]): SnapshotJob {
  return {
    id,
    kind,
    tables: tables.map(({ schema, table }) => ({ schema, table, done: false, lastKey: null, rows: 0 })),
  };
}

/** Undefined where one is no regular expression. */
function expressions(names: readonly string[]): RegExp[] | undefined {
  try {
    return names.map((name) => new RegExp(`^(?:${name})$`, 'i'));
  } catch {
    return undefined;
  }
}

function parse<T>(shape: z.ZodType<T>, json: string): T | undefined {
  try {
    return shape.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
}
