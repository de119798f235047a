/**
 * `verifier/standalone`: verifies any two PostgreSQL databases, without a lab and without Kafka (`cdc-lab verify`).
 * In: a request as the command's options give it.
 * Out: the report, and SQL that would repair the sink or make Debezium republish the wrong rows.
 * Promises: it writes to neither database and runs none of that SQL; an invalid request is refused before anything is
 *   compared; a password in a URL is refused.
 */

import { setFlagsFromString } from 'node:v8';
import { LabError, messageOf } from '../../pipeline/contract/errors.ts';
import type { Check } from '../check.ts';
import type { VerifierConfig } from '../config.ts';
import type { Database } from '../connection/postgres.ts';
import { mustBeTwo } from '../exact/comparable-servers.ts';
import { loadChecks } from '../load-checks.ts';
import { type Databases, OpenConnections } from '../observe/connections.ts';
import { FLAGS, misnamedAtSink, misnamedAtSource, misnamedTables, readNames } from '../observe/misnamed.ts';
import { sharedCopies } from '../observe/shared-copies.ts';
import type { Report } from '../report.ts';
import type { Content } from '../verification/comparison.ts';
import { VerifierMemory } from '../verification/verifier-memory.ts';
import { verify } from '../verification/verify.ts';
import { repairSql } from './repair.ts';
import { republishSql } from './republish.ts';
import { configOf, type VerifyRequest } from './request.ts';

/** Timeout of a catalogue query. */
const QUERY_TIMEOUT_MS = 10_000;

/** Two PostgreSQL databases that can be verified repeatedly. */
export interface Pair extends AsyncDisposable {
  verify(signal: AbortSignal): Promise<Verified>;
}

export interface Verified {
  readonly report: Report;
  /** SQL that would repair the sink; null if there is nothing to repair. */
  readonly repair: string | null;
  /** SQL of signals that would make Debezium republish the wrong rows; null if there are none. */
  readonly republish: string | null;
}

/**
 * Opens a pair for verification without a lab and without Kafka.
 * @param stateDir Folder in which later verifications find what this one has seen; null: only this pair remembers it.
 * @throws LabError CDC-4064 for an invalid request; CDC-4010 if a database cannot be reached.
 */
export async function openPair(request: VerifyRequest, stateDir: string | null = null): Promise<Pair> {
  const config = configOf(request);
  const connections = new OpenConnections(config);
  try {
    const [slot, checks] = await Promise.all([progressSlot(config, connections), loadChecks()]);
    const memory = new VerifierMemory(stateDir);
    return new ReadyPair({ ...config, source: { ...config.source, slot } }, { checks, memory, connections });
  } catch (error) {
    await connections[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Makes V8 collect the old generation when it has grown by half. By default it may grow to four times the live data, and
 * a million differing rows leave much garbage. The flag is not set at the start of the process, because Node's
 * startup snapshot and compile cache cannot be used under other V8 flags.
 */
function boundHeap(): void {
  setFlagsFromString('--heap-growing-percent=50');
}

/** Opens a pair, like {@link openPair}, for an existing configuration. */
export async function pairOf(config: VerifierConfig, stateDir: string | null = null): Promise<Pair> {
  return new ReadyPair(config, { checks: await loadChecks(), memory: new VerifierMemory(stateDir) });
}

interface Prepared {
  readonly checks: readonly Check[];
  readonly memory: VerifierMemory;
  readonly connections?: OpenConnections;
}

class ReadyPair implements Pair {
  readonly #config: VerifierConfig;
  readonly #checks: readonly Check[];
  readonly #memory: VerifierMemory;
  /** Used by the first verification, which closes them: the next one may come much later. */
  #connections: OpenConnections | undefined;

  constructor(config: VerifierConfig, { checks, memory, connections }: Prepared) {
    this.#config = config;
    this.#checks = checks;
    this.#memory = memory;
    this.#connections = connections;
    boundHeap();
  }

  async verify(signal: AbortSignal): Promise<Verified> {
    const [config, checks, memory] = [this.#config, this.#checks, this.#memory];
    const connections = this.#connections;
    this.#connections = undefined;
    let repair: string | null = null;
    let republish: string | null = null;
    const onContent = async (content: Content, databases: Databases): Promise<void> => {
      republish = republishSql(content);
      try {
        repair = await repairSql(content, config.columnMap, databases);
      } catch (error) {
        repair = `-- No repair could be written: ${messageOf(error).replaceAll(/[\r\n]+/g, ' ')}\n`;
      }
    };
    const { deadlineMs } = config;
    const report = await verify({ config, checks, deadlineMs, signal, connections, memory, onContent });
    return { report, repair, republish };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connections?.[Symbol.asyncDispose]();
  }
}

/** The slot on which the pipeline confirms its progress: the named one, or that of the sink's subscription. */
async function progressSlot(config: VerifierConfig, connections: OpenConnections): Promise<string | null> {
  const { source, sink } = config;
  // Open both first, so that an unreachable database is reported before anything is compared, the source before the sink.
  const sinkOpens = connections.sink();
  sinkOpens.catch(() => undefined);
  const [ours, theirs] = [await connections.source(), await sinkOpens];
  await mustBeTwo(ours, theirs);
  await mustBeNamed(config, ours, theirs);
  const slot = sink.subscription === null ? source.slot : await slotOf(theirs, sink.subscription);
  if (slot === null) return null;
  const found = await ours.query(
    'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND database = current_database()',
    [slot],
    QUERY_TIMEOUT_MS,
  );
  if (found.length > 0) return slot;
  throw new LabError('CDC-4064', `The source database has no logical replication slot ${slot}.`, {
    remedy: 'SELECT slot_name, database FROM pg_replication_slots lists the slots.',
  });
}

/**
 * Refuses names that nothing has, before waiting for anything: a list would compare nothing, an exclusion exclude nothing,
 * and a map look for a copy that is not there.
 * @throws LabError CDC-4064 with the flag and the nearest name.
 */
async function mustBeNamed(config: VerifierConfig, ours: Database, theirs: Database): Promise<void> {
  const { tables, excludeTables, tableMap, columnMap } = config;
  const named = [...(tables ?? []), ...excludeTables, ...Object.keys(tableMap), ...Object.keys(columnMap)];
  if (named.length === 0) return;
  const [source, sink] = await Promise.all([ours, theirs].map(readNames));
  if (source === undefined || sink === undefined) return;
  const [problem] = [
    ...misnamedTables(config, source, FLAGS),
    ...misnamedAtSource(config, source, FLAGS),
    ...misnamedAtSink(config, { source, sink }, FLAGS),
  ];
  if (problem !== undefined) throw new LabError('CDC-4064', problem, { remedy: 'Correct the name.' });
  const [shared] = sharedCopies(config, source.tables).values();
  if (shared === undefined) return;
  throw new LabError('CDC-4064', `${shared}.`, {
    remedy: 'Correct --map, or leave all but one of these tables out with --exclude-tables.',
  });
}

async function slotOf(sink: Database, subscription: string): Promise<string> {
  const rows = await sink
    .query(
      `SELECT s.subslotname AS slot FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
       WHERE s.subname = $1 AND d.datname = current_database()`,
      [subscription],
      QUERY_TIMEOUT_MS,
    )
    .catch((cause: unknown) => {
      throw new LabError('CDC-4064', `The sink's subscriptions cannot be read: ${messageOf(cause)}.`, {
        remedy: "Name the source's slot with --progress-slot instead.",
        cause,
      });
    });
  const slot = rows[0]?.slot;
  if (slot !== undefined && slot !== null) return slot;
  const why = rows.length === 0 ? `has no subscription ${subscription}` : `has no slot for ${subscription}`;
  throw new LabError('CDC-4064', `The sink database ${why}.`, {
    remedy: 'SELECT subname, subslotname FROM pg_subscription lists the subscriptions.',
  });
}
