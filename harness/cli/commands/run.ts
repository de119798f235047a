import { appendFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import { loadPipeline, pipelineFile } from '../../../fixtures/pipelines/load.ts';
import { LabError, messageOf } from '../../../pipeline/contract/errors.ts';
import { openAccess } from '../../access/live-access.ts';
import { UsageError } from '../../errors.ts';
import type { EnginePair } from '../../lab/engines.ts';
import { holdLab } from '../../lab/state/lock.ts';
import { checkDisk, LAB_BYTES } from '../../lab/state/state-dir.ts';
import { loadFault, loadScenario, scenarioIds } from '../../plugins/catalogue.ts';
import { type Scenario, VARIANTS, type VariantName } from '../../plugins/scenario.ts';
import { roomFor } from '../../runner/disk-space.ts';
import type { ForeignPipeline } from '../../runner/foreign-pipelines.ts';
import type { JournalEvent } from '../../runner/journal.ts';
import { loadReporter, Multiplexer } from '../../runner/reporter.ts';
import type { RunResult } from '../../runner/result.ts';
import { type RunOptions, runAll } from '../../runner/run.ts';
import { replayUndo } from '../../undo/replay-undo.ts';
import { type CliContext, EXIT, say } from '../context.ts';
import { loadLabControl } from '../lab-control.ts';

/** Scenarios in the order in which a workshop takes them; others follow by name. */
const WORKSHOP_ORDER = ['restart', 'lag', 'schema-change', 'duplicate-resnapshot', 'backfill'];

/** Runs the plan, with a lab of its own where none is up. Exits by expectation. */
export async function run(
  context: CliContext,
  options: Record<string, unknown>,
  ids: readonly string[],
): Promise<number> {
  const scenarios = await chosen(ids, options.all === true);
  const foreign = await foreignOf(options);
  const variants = variantsOf(options, foreign);
  const reporters = await reportersOf(context, options);
  const runOptions = {
    ...optionsOf(scenarios, variants, options, ids),
    ...(foreign === undefined ? {} : { foreign }),
  };
  const { result, undone } = await withLab(context, options, runOptions, reporters);
  await reporters.end(result);
  for (const { reporter, error } of reporters.failures) {
    say(context, `cdc-lab: the ${reporter} reporter failed: ${messageOf(error)}`);
  }
  for (const line of undone) say(context, line);
  return exitCodeOf(result, reporters.failures.length > 0);
}

async function chosen(ids: readonly string[], all: boolean): Promise<Scenario[]> {
  if (all && ids.length > 0)
    throw new UsageError('--all and names exclude each other', 'leave out one of them');
  if (!all && ids.length === 0) {
    const known = (await scenarioIds()).join(', ');
    throw new UsageError('which scenario?', `name some, or take --all; known: ${known}`);
  }
  if (!all) return Promise.all([...new Set(ids)].map(loadScenario));
  const rank = (id: string): number => (WORKSHOP_ORDER.includes(id) ? WORKSHOP_ORDER.indexOf(id) : 99);
  const known = (await scenarioIds()).sort((a, b) => rank(a) - rank(b));
  return Promise.all(known.map(loadScenario));
}

/** The pipeline of `--pipeline`. @throws UsageError where the runtime cannot have it. */
async function foreignOf({
  pipeline: name,
  runtime,
}: Record<string, unknown>): Promise<ForeignPipeline | undefined> {
  if (typeof name !== 'string') return undefined;
  if (runtime !== undefined) refuseRuntime(String(runtime));
  const file = await pipelineFile(name).catch((error: unknown) => {
    throw error instanceof LabError ? new UsageError(error.message, error.remedy) : error;
  });
  return { name: path.basename(file, path.extname(file)), file, pipeline: await loadPipeline(file) };
}

/** @throws UsageError where it is one in which the lab starts no pipeline but its own. */
function refuseRuntime(name: string): void {
  if (name === 'process') return;
  throw new UsageError(
    `--pipeline is for the process runtime, not for ${name}`,
    'leave out --runtime; where the lab in this folder is another one, give --dir another folder',
  );
}

/** A pipeline of somebody else's is what it is: neither sound nor naive. */
function variantsOf(
  { variant }: Record<string, unknown>,
  foreign: ForeignPipeline | undefined,
): readonly VariantName[] {
  if (foreign !== undefined) return ['sound'];
  return variant === undefined ? VARIANTS : [variant as VariantName];
}

function optionsOf(
  scenarios: readonly Scenario[],
  variants: readonly VariantName[],
  options: Record<string, unknown>,
  ids: readonly string[],
): RunOptions {
  const tunables = {
    ...(options.rows === undefined ? {} : { rows: Number(options.rows) }),
    ...(options.seconds === undefined ? {} : { seconds: Number(options.seconds) }),
  };
  const engines = { source: options.source ?? 'ts', sink: options.sink ?? 'ts' } as EnginePair;
  const what = options.all === true ? '--all' : ids.join(' ');
  const flags = [
    ...(options.variant === undefined ? [] : [`--variant ${options.variant}`]),
    ...(options.pipeline === undefined ? [] : [`--pipeline ${options.pipeline}`]),
    ...(options.runtime === undefined ? [] : [`--runtime ${options.runtime}`]),
    ...(options.config === undefined ? [] : [`--config ${options.config}`]),
    ...(options.iOwnThisTarget === undefined ? [] : [`--i-own-this-target ${options.iOwnThisTarget}`]),
    ...(options.brokers === undefined ? [] : [`--brokers ${options.brokers}`]),
    ...(options.sinkWorkers === undefined ? [] : [`--sink-workers ${options.sinkWorkers}`]),
    ...(engines.source === 'ts' ? [] : [`--source ${engines.source}`]),
    ...(engines.sink === 'ts' ? [] : [`--sink ${engines.sink}`]),
    ...Object.entries(tunables).map(([name, value]) => `--${name} ${value}`),
    ...(options.op === false ? ['--no-op'] : []),
    ...(options.swap === true ? ['--swap'] : []),
    ...(options.repeat === 1 ? [] : [`--repeat ${options.repeat}`]),
  ];
  return {
    plan: scenarios.flatMap((scenario) => variants.map((variant) => ({ scenario, variant }))),
    engines,
    ...(options.sinkWorkers === undefined ? {} : { sinkWorkers: Number(options.sinkWorkers) }),
    tunables,
    repeat: Number(options.repeat),
    seed: Number(options.seed),
    keep: options.keep === true,
    noOp: options.op === false,
    swap: options.swap === true,
    reproduce: ['cdc-lab run', what, ...flags, `--seed ${options.seed}`].join(' '),
  };
}

async function reportersOf(context: CliContext, options: Record<string, unknown>): Promise<Multiplexer> {
  const { stdout, stderr } = context;
  const summary = process.env.GITHUB_STEP_SUMMARY ?? '';
  if (options.githubSummary === true && summary === '') {
    throw new UsageError(
      'GITHUB_STEP_SUMMARY is not set',
      'it is in a step of GitHub Actions; else use --junit',
    );
  }
  if (typeof options.junit === 'string') assertWritable(options.junit);
  const multiplexer = new Multiplexer();
  const add = async (name: string, file: string | null, live = false): Promise<void> => {
    // With --json, stdout belongs to the document.
    const out = context.json && name === 'terminal' ? stderr : stdout;
    multiplexer.add(name, (await loadReporter(name)).create({ file, stdout: out, stderr, live }));
  };
  await add('terminal', null, context.live);
  if (context.json) await add('json', null);
  if (typeof options.junit === 'string') await add('junit', options.junit);
  if (options.githubSummary === true) await add('markdown', summary);
  return multiplexer;
}

/** Said before the run, not after it. */
function assertWritable(file: string): void {
  if (!existsSync(path.dirname(path.resolve(file)))) {
    throw new UsageError(`there is no folder for ${file}`, 'make it, or name another file');
  }
  appendFileSync(file, '');
}

/** A lab that was not up before is stopped again afterwards. */
async function withLab(
  context: CliContext,
  options: Record<string, unknown>,
  runOptions: RunOptions,
  reporters: Multiplexer,
): Promise<{ result: RunResult; undone: readonly string[] }> {
  const control = await loadLabControl(context, options.runtime);
  const before = await control.open(context.dir);
  const wasUp =
    before !== undefined && (await before.runtime.services()).some(({ state }) => state === 'running');
  // Docker, and a target of somebody else's, keep their data on disks of their own.
  if ((before?.runtime.name ?? options.runtime ?? 'process') === 'process') {
    const rows = roomFor(runOptions, Number(options.brokers ?? 1));
    checkDisk(context.dir, wasUp ? rows : LAB_BYTES + rows);
  }
  const healed: string[] = [];
  const listen = (event: JournalEvent): void => {
    if (event.t === 'fault-healed') healed.push(`${event.fault}: ${event.said}`);
    reporters.on(event);
  };
  try {
    const lab = await control.up({
      dir: context.dir,
      rate: 0,
      seed: runOptions.seed,
      withInstance: false,
      ...(runOptions.engines === undefined ? {} : { engines: runOptions.engines }),
      ...(options.brokers === undefined ? {} : { brokers: Number(options.brokers) }),
      ...(options.sinkWorkers === undefined ? {} : { sinkWorkers: Number(options.sinkWorkers) }),
      progress: (step) => say(context, `  ${step}`),
      signal: context.signal,
    });
    if (runOptions.foreign !== undefined) refuseRuntime(lab.runtime.name);
    await using _held = await holdLab(lab.dir);
    const undone = await replayUndo(lab, context.signal);
    const { signal } = context;
    return { result: await runAll(runOptions, { lab, openAccess, loadFault, listen, signal }), undone };
  } catch (error) {
    if (context.signal.aborted) say(context, `interrupted; undone: ${healed.at(-1) ?? 'nothing was broken'}`);
    throw error;
  } finally {
    if (!wasUp && options.keep !== true) await control.down(context.dir);
  }
}

function exitCodeOf(result: RunResult, reporterFailed: boolean): number {
  // What is not run is no success.
  if (result.results.length === 0) return EXIT.inconclusive;
  const unexpected = result.results.filter((one) => !one.ok);
  if (unexpected.some((one) => one.verdict !== 'INCONCLUSIVE')) return EXIT.failed;
  if (unexpected.length > 0) return EXIT.inconclusive;
  return reporterFailed ? EXIT.failed : EXIT.ok;
}
