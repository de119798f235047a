import { existsSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../../../pipeline/contract/errors.ts';
import type { Report } from '../../../verifier/report.ts';
import { openPair, type Pair, pairOf } from '../../../verifier/standalone/pair.ts';
import { BAD_REQUEST, type VerifyRequest } from '../../../verifier/standalone/request.ts';
import { splitUnquoted } from '../../../verifier/table-id.ts';
import { exitCodeOf, type Verdict, worst } from '../../../verifier/verdict.ts';
import { UsageError } from '../../errors.ts';
import { findStateDir } from '../../lab/state/state-dir.ts';
import { type CliContext, EXIT, say } from '../context.ts';
import { openInstance } from '../lab-control.ts';
import { NewFile } from '../new-file.ts';
import { VERIFY, type VerifyFlags } from '../option-table.ts';
import { printReport, reportForPeople } from '../print-report.ts';
import type { ReportOptions } from '../report/report-options.ts';

/** Options that an external configuration has keys for. */
const OF_TWO_URLS = [
  ...([
    'source',
    'sink',
    'tables',
    'excludeTables',
    'map',
    'softDelete',
    'progressSlot',
    'subscription',
  ] as const),
  'passwordStdin',
] as const;
/** Passwords on stdin: a line for the source, one for the sink. */
const MAX_STDIN_BYTES = 16_384;

/** @throws UsageError if `--state` names something that is not a folder. */
function stateFolder({ state }: VerifyFlags): string | null {
  if (state === undefined) return null;
  if (existsSync(state) && !statSync(state).isDirectory())
    throw new UsageError(
      `--state ${state} is not a folder.`,
      'Name a folder; it is made if it does not exist.',
    );
  return state;
}

/** Verifies any two PostgreSQL databases, without a lab. Exits by the verdict; with `--every`, by the worst one. */
export async function verify(context: CliContext, options: VerifyFlags): Promise<number> {
  // Open the files before the comparison: a typing error in a name must not cost the report.
  await using mending = await fileNamed(options.repair);
  await using publishing = await fileNamed(options.republish);
  await using pair = await pairFor(context, options);
  if (options.every === undefined) {
    const { report, repair, republish } = await pair.verify(context.signal);
    context.signal.throwIfAborted();
    try {
      await fill(context, mending, repair, 'repair the sink');
      await fill(context, publishing, republish, 'have the wrong rows published again');
    } finally {
      await printReport(context, report, lookOf(context, options));
    }
    return exitCodeOf(report.verdict, options.strict);
  }
  const { count = Number.POSITIVE_INFINITY } = options;
  const look = lookOf(context, options);
  const verdicts = await again(context, pair, { everyMs: options.every * 1000, count, look });
  return verdicts.length === 0 ? EXIT.interrupted : exitCodeOf(worst(verdicts), options.strict);
}

async function fileNamed(path: string | undefined): Promise<NewFile | null> {
  return path === undefined ? null : await NewFile.make(path);
}

async function fill(
  context: CliContext,
  file: NewFile | null,
  sql: string | null,
  what: string,
): Promise<void> {
  if (file === null) return;
  if (sql === null) return say(context, `nothing to repair: ${file.path} is not written`);
  await file.fill(sql);
  say(context, `${file.path} holds the SQL that would ${what}; nothing was run`);
}

/** What the options name, or the pipeline of an external configuration. */
async function pairFor(context: CliContext, options: VerifyFlags): Promise<Pair> {
  const state = stateFolder(options);
  if (context.external === null) {
    const request = await requestOf(options, process.env);
    return asUsage(() => openPair(request, state));
  }
  const twice = OF_TWO_URLS.find((name) => options[name] !== VERIFY[name].standard);
  if (twice !== undefined || options.fence !== 'slot') {
    throw new UsageError(
      `--config already says what is compared with what, so ${twice ?? 'fence'} cannot be given too.`,
      'Leave one of them out.',
    );
  }
  const { instance } = await openInstance(context);
  if (instance.reach === undefined) throw new Error('an external pipeline has no reach');
  const config = { ...instance.reach.verifierConfig(), ...boundsOf(options) };
  return pairOf(config, state ?? findStateDir(config.stateDir) ?? null);
}

/** Verifies until Ctrl-C, which is the usual way to end it; with `--json`, prints one report per line. */
async function again(
  context: CliContext,
  pair: Pair,
  { everyMs, count, look }: { everyMs: number; count: number; look: ReportOptions },
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (let made = 0; made < count && !context.signal.aborted; made++) {
    const startedMs = performance.now();
    const { report } = await pair.verify(context.signal);
    if (context.signal.aborted) break;
    verdicts.push(report.verdict);
    context.stdout.write(`${await lineOf(context, report, look)}\n`);
    if (made + 1 >= count) break;
    const leftMs = Math.max(0, everyMs - (performance.now() - startedMs));
    await sleep(leftMs, undefined, { signal: context.signal }).catch(() => undefined);
  }
  return verdicts;
}

async function lineOf(context: CliContext, report: Report, look: ReportOptions): Promise<string> {
  return context.json ? JSON.stringify(report) : await reportForPeople(context, report, look);
}

/** Two URLs are no pipeline that `explain` could look at. */
function lookOf({ external, target }: CliContext, { verbose }: VerifyFlags): ReportOptions {
  return { verbose, explain: external === null ? null : target };
}

/** What the options say of any two databases. */
function boundsOf({ deadline, snapshotBound, versionColumn }: VerifyFlags) {
  return {
    deadlineMs: Math.round(deadline * 1000),
    snapshotBoundMs: Math.round(snapshotBound * 1000),
    versionColumn,
  };
}

async function requestOf(
  options: VerifyFlags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<VerifyRequest> {
  const list = (values: readonly string[]): readonly string[] =>
    values.flatMap((one) => splitUnquoted(one, ',')).filter((one) => one !== '');
  const given = options.passwordStdin ? await passwordsFromStdin() : {};
  return {
    source: options.source ?? env.CDC_LAB_SOURCE_URL,
    sink: options.sink ?? env.CDC_LAB_SINK_URL,
    tables: list(options.tables),
    excludeTables: list(options.excludeTables),
    map: list(options.map),
    softDelete: options.softDelete,
    fence: options.fence,
    progressSlot: options.progressSlot,
    subscription: options.subscription,
    ...boundsOf(options),
    passwords: {
      source: given.source ?? env.CDC_LAB_SOURCE_PASSWORD,
      sink: given.sink ?? env.CDC_LAB_SINK_PASSWORD,
    },
  };
}

async function passwordsFromStdin(): Promise<{ source?: string; sink?: string }> {
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.length > MAX_STDIN_BYTES) break;
  }
  const [source, sink] = text.split(/\r?\n/);
  if (source === undefined || source === '') {
    throw new UsageError(
      'There is no password on stdin.',
      "Write the source's password as its first line and the sink's as its second.",
    );
  }
  return { source, sink: sink === undefined || sink === '' ? source : sink };
}

async function asUsage<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LabError && error.code === BAD_REQUEST) {
      throw new UsageError(error.message, error.remedy);
    }
    throw error;
  }
}
