/**
 * `harness/cli/commands`: the commands, one file for each, loaded when it is called.
 * In: the context, the command's typed options, its arguments.
 * Out: an exit code; text, or with `--json` one document, on stdout.
 * Promises: data is on stdout, everything else on stderr; a usage error is thrown before anything is started.
 */

import path from 'node:path';
import { loadPipeline, pipelineFile } from '../../../fixtures/pipelines/load.ts';
import { LabError, messageOf } from '../../../pipeline/contract/errors.ts';
import { openAccess } from '../../access/live-access.ts';
import { UsageError } from '../../errors.ts';
import type { LabControl, UpOptions } from '../../lab/lab.ts';
import { holdLab } from '../../lab/state/lock.ts';
import { checkDisk, LAB_BYTES } from '../../lab/state/state-dir.ts';
import { LESSONS, loadCases, loadFault, loadScenarios, scenarioIds } from '../../plugins/catalogue.ts';
import { type Scenario, variantsOf } from '../../plugins/scenario.ts';
import { emptyReport } from '../../reporters/junit.ts';
import { roomFor } from '../../runner/disk-space.ts';
import type { ForeignPipeline } from '../../runner/foreign-pipelines.ts';
import type { JournalEvent } from '../../runner/journal.ts';
import type { RunOptions } from '../../runner/plan.ts';
import { loadReporter, Multiplexer } from '../../runner/reporter.ts';
import type { RunResult } from '../../runner/result.ts';
import { resultOfNone, runAll } from '../../runner/run-all.ts';
import { replayUndo } from '../../undo/replay-undo.ts';
import { type CliContext, EXIT, say } from '../context.ts';
import { loadLabControl } from '../lab-control.ts';
import { RUN, type RunFlags } from '../option-table.ts';
import { commandLine } from '../parse-options.ts';
import { claimReportFile } from '../report-file.ts';

/**
 * Runs scenarios, in a separate lab if none is up. The exit code says whether the verdicts are as expected.
 * @throws what ended the run early, after the reporters have written the results so far.
 */
export async function run(context: CliContext, flags: RunFlags, ids: readonly string[]): Promise<number> {
  const scenarios = await chosen(ids, flags);
  const foreign = await foreignOf(flags);
  const reporters = await reportersOf(context, flags);
  const options = { ...optionsOf(scenarios, foreign, flags, ids), target: context.target };
  const { result, undone, failure } = await withLab(context, flags, options, reporters);
  await reporters.end(result);
  for (const { reporter, error } of reporters.failures) {
    say(context, `cdc-lab: the ${reporter} reporter failed: ${messageOf(error)}`);
  }
  for (const line of undone) say(context, line);
  if (failure !== null) throw failure.error;
  return exitCodeOf(result, reporters.failures.length > 0);
}

async function chosen(ids: readonly string[], { all, lessons, kind }: RunFlags): Promise<Scenario[]> {
  const kinds = [...(lessons ? [LESSONS] : []), ...kind];
  if (all && ids.length > 0)
    throw new UsageError('--all and names of scenarios cannot be combined', 'leave out one of them');
  if (!all && ids.length === 0 && kinds.length === 0) {
    const known = (await scenarioIds()).join(', ');
    throw new UsageError(
      'which scenario?',
      `name one or more, or use --lessons, --kind or --all; known: ${known}`,
    );
  }
  if (all) return loadScenarios();
  const named = (await Promise.all([...new Set(ids)].map(loadCases))).flat();
  const ofKinds = (await Promise.all([...new Set(kinds)].map(loadScenarios))).flat();
  const byId = new Map([...ofKinds, ...named].map((scenario) => [scenario.id, scenario]));
  return [...byId.values()];
}

/** The pipeline of `--pipeline`. @throws UsageError if the runtime cannot have it. */
async function foreignOf({ pipeline: name, runtime }: RunFlags): Promise<ForeignPipeline | undefined> {
  if (name === undefined) return undefined;
  if (runtime !== undefined) refuseRuntime(runtime);
  const file = await pipelineFile(name).catch((error: unknown) => {
    throw error instanceof LabError ? new UsageError(error.message, error.remedy) : error;
  });
  return { name: path.basename(file, path.extname(file)), file, pipeline: await loadPipeline(file) };
}

/** @throws UsageError if it is one in which the lab starts no pipeline but its own. */
function refuseRuntime(name: string): void {
  if (name === 'process') return;
  throw new UsageError(
    `--pipeline works only with the process runtime, not with ${name}`,
    'leave out --runtime; if the lab in this folder has another runtime, choose another folder with --dir',
  );
}

function optionsOf(
  scenarios: readonly Scenario[],
  foreign: ForeignPipeline | undefined,
  flags: RunFlags,
  ids: readonly string[],
): RunOptions {
  const { rows, seconds, source, sink, sinkWorkers, repeat, seed, keep, swap } = flags;
  // Somebody else's pipeline is neither sound nor naive: it is run as the sound one would be.
  const one = foreign === undefined ? flags.variant : 'sound';
  return {
    // A scenario without a naive pipeline has only the sound one to run, unless the other is asked for.
    plan: scenarios.flatMap((scenario) =>
      (one === undefined ? variantsOf(scenario) : [one]).map((variant) => ({ scenario, variant })),
    ),
    tunables: { ...(rows === undefined ? {} : { rows }), ...(seconds === undefined ? {} : { seconds }) },
    engines: { source, sink },
    sinkWorkers,
    foreign,
    repeat,
    seed,
    keep,
    noOp: !flags.op,
    swap,
    reproduce: commandLine('cdc-lab run', ids, RUN, flags, ['seed']),
  };
}

async function reportersOf(context: CliContext, flags: RunFlags): Promise<Multiplexer> {
  const { stdout, stderr } = context;
  const summary = process.env.GITHUB_STEP_SUMMARY ?? '';
  if (flags.githubSummary && summary === '') {
    throw new UsageError(
      'GITHUB_STEP_SUMMARY is not set',
      'GitHub Actions sets it in every step; elsewhere use --junit',
    );
  }
  if (flags.junit !== undefined) claimReportFile(flags.junit, emptyReport(new Date()));
  if (flags.githubSummary) claimReportFile(summary, null);
  const multiplexer = new Multiplexer();
  const add = async (name: string, file: string | null, live = false): Promise<void> => {
    // With --json, stdout belongs to the document.
    const isAside = context.json && name === 'terminal';
    const color = { stdout: isAside ? context.errorColor : context.color, stderr: context.errorColor };
    const streams = { stdout: isAside ? stderr : stdout, stderr };
    const where = { labDir: context.dir, target: context.target };
    multiplexer.add(name, (await loadReporter(name)).create({ file, ...streams, live, color, ...where }));
  };
  await add('terminal', null, context.live);
  if (context.json) await add('json', null);
  if (flags.junit !== undefined) await add('junit', flags.junit);
  if (flags.githubSummary) await add('markdown', summary);
  return multiplexer;
}

interface RunEnd {
  readonly result: RunResult;
  /** What an earlier run had left broken, and was healed. */
  readonly undone: readonly string[];
  /** What ended the run early. */
  readonly failure: { readonly error: unknown } | null;
}

/** A lab that was not up before is stopped again afterwards, unless it has a pipeline that is to be kept. */
async function withLab(
  context: CliContext,
  flags: RunFlags,
  options: RunOptions,
  reporters: Multiplexer,
): Promise<RunEnd> {
  const startedAt = new Date();
  const seen: { undone: readonly string[]; result?: RunResult; healed?: string; kept?: boolean } = {
    undone: [],
  };
  const listen = (event: JournalEvent): void => {
    if (event.t === 'fault-healed') seen.healed = `${event.fault}: ${event.said}`;
    if (event.t === 'kept') seen.kept = true;
    if (event.t === 'run-ended') seen.result = event.result;
    reporters.on(event);
  };
  try {
    const control = await loadLabControl(context, flags.runtime);
    const wasUp = await isUp(context, control, flags, options);
    try {
      const lab = await control.up(labFor(context, flags, options));
      if (options.foreign !== undefined) refuseRuntime(lab.runtime.name);
      await using _held = await holdLab(lab.dir);
      seen.undone = await replayUndo(lab, context.signal);
      const { signal } = context;
      const result = await runAll(options, { lab, openAccess, loadFault, listen, signal });
      return { result, undone: seen.undone, failure: null };
    } finally {
      if (!wasUp && !seen.kept) await control.down(context.dir);
    }
  } catch (error) {
    if (context.signal.aborted) say(context, `interrupted; undone: ${seen.healed ?? 'nothing was broken'}`);
    const why = context.signal.aborted ? context.signal.reason : error;
    return {
      result: seen.result ?? resultOfNone(options, why, startedAt),
      undone: seen.undone,
      failure: { error },
    };
  }
}

/** Whether the lab is up already. @throws LabError CDC-5119 if its disk has too little room for the run. */
async function isUp(
  context: CliContext,
  control: LabControl,
  { runtime, brokers }: RunFlags,
  options: RunOptions,
): Promise<boolean> {
  const before = await control.open(context.dir);
  const wasUp =
    before !== undefined && (await before.runtime.services()).some(({ state }) => state === 'running');
  // The other runtimes keep their data on disks that this machine does not see.
  if ((before?.runtime.name ?? runtime ?? 'process') === 'process') {
    const rows = roomFor(options, brokers ?? 1);
    checkDisk(context.dir, wasUp ? rows : LAB_BYTES + rows);
  }
  return wasUp;
}

/** Servers only: each variant gets its own pipeline. */
function labFor(context: CliContext, { brokers }: RunFlags, options: RunOptions): UpOptions {
  return {
    dir: context.dir,
    withInstance: false,
    engines: options.engines,
    sinkWorkers: options.sinkWorkers,
    brokers,
    progress: (step) => say(context, `  ${step}`),
    signal: context.signal,
  };
}

function exitCodeOf(result: RunResult, reporterFailed: boolean): number {
  // A run without a verdict is not a success.
  if (result.results.length === 0) return EXIT.inconclusive;
  const unexpected = result.results.filter((one) => !one.ok);
  if (unexpected.some((one) => one.verdict !== 'INCONCLUSIVE')) return EXIT.failed;
  if (unexpected.length > 0) return EXIT.inconclusive;
  return reporterFailed ? EXIT.failed : EXIT.ok;
}
