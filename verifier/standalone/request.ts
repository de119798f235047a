import { LabError } from '../../pipeline/contract/errors.ts';
import { parseConfig, type VerifierConfig } from '../config.ts';
import { queryProblem } from '../connection/postgres-url.ts';
import { identifiersOf, parseTable, splitUnquoted, tableId } from '../table-id.ts';

/** The options of `cdc-lab verify`. */
export interface VerifyRequest {
  readonly source: string | undefined;
  readonly sink: string | undefined;
  /** `schema.table` of the source, quoted as PostgreSQL does; empty means all of its tables. */
  readonly tables: readonly string[];
  readonly excludeTables: readonly string[];
  /** `source=sink`: each a `schema.table`, or `schema.table.column=column`. */
  readonly map: readonly string[];
  /** Column in which the sink marks a row as deleted. */
  readonly softDelete: string | undefined;
  readonly fence: 'slot' | 'quiesce' | 'none';
  readonly progressSlot: string | undefined;
  readonly subscription: string | undefined;
  readonly deadlineMs: number;
  readonly versionColumn: string;
  /** No snapshot lives longer; undefined means the configuration's default. */
  readonly snapshotBoundMs?: number | undefined;
  /** From stdin or the environment; undefined means PGPASSWORD or the pgpass file. */
  readonly passwords: { readonly source: string | undefined; readonly sink: string | undefined };
}

/** Wrong rows of a table that are listed, with their values. This many fit into the verifier's memory. */
const LISTED_ROWS = 5_000;

/** Code of errors that are caused by the caller's options. */
export const BAD_REQUEST = 'CDC-4064';

/**
 * The verifier's configuration for two databases and no Kafka.
 * @throws LabError CDC-4064 if an option is missing, contradicts another, or would expose a password.
 */
export function configOf(request: VerifyRequest): VerifierConfig {
  const source = urlOf('source', request.source, request.passwords.source);
  const sink = urlOf('sink', request.sink, request.passwords.sink);
  const { fence, progressSlot, subscription } = request;
  if (progressSlot !== undefined && subscription !== undefined) {
    throw bad('--progress-slot and --subscription cannot be combined.', 'Leave one of them out.');
  }
  if (fence === 'slot' && progressSlot === undefined && subscription === undefined) {
    throw bad(
      'With --fence slot, the verifier must know when the pipeline has carried a position.',
      "Name the pipeline's slot with --progress-slot or the sink's subscription with --subscription, " +
        'or stop all writes and use --fence quiesce.',
    );
  }
  return parseConfig(
    {
      port: 0,
      stateDir: '.',
      source: { url: source.href, slot: progressSlot ?? null, emitMessages: false },
      sink: { url: sink.href, sameSchemas: true, subscription: subscription ?? null },
      kafka: null,
      tables: request.tables.length === 0 ? null : request.tables.map((name) => idOf('--tables', name)),
      excludeTables: request.excludeTables.map((name) => idOf('--exclude-tables', name)),
      ...mapsOf(request.map),
      softDelete: request.softDelete ?? null,
      versionColumn: request.versionColumn,
      deadlineMs: request.deadlineMs,
      snapshotBoundMs: request.snapshotBoundMs,
      fence,
      thresholds: { maxSettledKeys: LISTED_ROWS },
    },
    'made of the options',
  );
}

function urlOf(side: 'source' | 'sink', text: string | undefined, password: string | undefined): URL {
  if (text === undefined || text === '') {
    throw bad(
      `There is no ${side} to verify.`,
      `Name it with --${side} or CDC_LAB_${side.toUpperCase()}_URL.`,
    );
  }
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol) || url.pathname.length < 2) {
    throw bad(
      `The ${side} is not the URL of a PostgreSQL database.`,
      `Write it as --${side} postgres://user@host:5432/database, or for a Unix socket as ` +
        'postgres:///database?host=/var/run/postgresql&user=name.',
    );
  }
  if (url.password !== '' || url.searchParams.has('password')) {
    throw bad(
      `The URL of the ${side} contains a password, which the process list and the shell's history would show.`,
      `Leave it out, and give it as CDC_LAB_${side.toUpperCase()}_PASSWORD, PGPASSWORD, in the pgpass file, ` +
        'or with --password-stdin.',
    );
  }
  const problem = queryProblem(text);
  if (problem !== null)
    throw bad(`The URL of the ${side} cannot be followed: ${problem}`, 'Correct the URL.');
  if (password === undefined) return url;
  // Without a host, as for a Unix socket, a URL has no place for a login but its query.
  if (url.hostname === '') url.searchParams.set('password', password);
  else url.password = encodeURIComponent(password);
  return url;
}

function mapsOf(pairs: readonly string[]): Pick<VerifierConfig, 'tableMap' | 'columnMap'> {
  const tableMap: Record<string, string> = {};
  const columnMap: Record<string, Record<string, string>> = {};
  for (const pair of pairs) {
    const [from = '', to = '', ...rest] = splitUnquoted(pair, '=');
    const [schema = '', name = '', column, ...deeper] = identifiersOf(from) ?? [];
    const [renamed, ...more] = identifiersOf(to) ?? [];
    const isColumn = column !== undefined && renamed !== undefined;
    if (from === '' || to === '' || rest.length > 0 || deeper.length > 0 || (isColumn && more.length > 0)) {
      const remedy = 'Write it as --map public.orders=archive.orders or --map public.orders.total=amount.';
      throw bad(`--map ${pair} is not a pair of names.`, remedy);
    }
    if (!isColumn) tableMap[idOf('--map', from)] = idOf('--map', to);
    else {
      const table = tableId({ schema, name });
      columnMap[table] = { ...columnMap[table], [column]: renamed };
    }
  }
  return { tableMap, columnMap };
}

function idOf(option: string, text: string): string {
  const table = parseTable(text);
  if (table !== undefined) return tableId(table);
  throw bad(
    `${option} ${text} is not a table's name.`,
    'Write schema.table; without a schema it is public. A part with a dot, a comma, = or a quote is written in double quotes.',
  );
}

function bad(message: string, remedy: string): LabError {
  return new LabError(BAD_REQUEST, message, { remedy });
}
