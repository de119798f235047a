import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Scenario, variantsOf } from '../plugins/scenario.ts';
import { PROJECT_DIR } from '../project.ts';
import { outcomeLines } from '../reporters/terminal.ts';
import { runResultSchema, type VariantResult } from '../runner/result.ts';
import { painter } from '../terminal/page.ts';

export const SEEN = join(import.meta.dirname, 'seen.json');
const NIGHTLY = join(PROJECT_DIR, 'reports/nightly');
const WIDTH = 120;

const runSchema = z.object({
  verdict: z.string(),
  /** As `cdc-lab run` prints them. */
  text: z.string(),
  /** First line of the error with which a connector stopped; null if none did. */
  error: z.string().nullable(),
  /** The commands that brought it back, and what each said. */
  recovery: z.array(z.object({ command: z.string(), said: z.string() })),
  /** The second verdict; null if nothing was recovered. */
  recovered: z.string().nullable(),
});
export type SeenRun = z.infer<typeof runSchema>;

/** What runs printed, by `ID VARIANT`. */
const seenSchema = z.record(z.string(), runSchema);
export type Seen = z.infer<typeof seenSchema>;

export function readSeen(): Seen {
  return existsSync(SEEN) ? seenSchema.parse(JSON.parse(readFileSync(SEEN, 'utf8'))) : {};
}

/** Files that `npm run nightly` has left. */
export function keptResults(): string[] {
  const commits = existsSync(NIGHTLY) ? readdirSync(NIGHTLY) : [];
  const folders = commits.map((commit) => join(NIGHTLY, commit, 'catalogue')).filter(existsSync);
  return folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
}

export const nameOf = (scenario: string, variant: string): string => `${scenario} ${variant}`;

/**
 * What was seen before, and what these runs show, without scenarios that are gone.
 * @param results Results of runs, as JSON. Those on other engines, and those that were not as expected, do not count.
 */
export function withRuns(before: Seen, results: readonly string[], scenarios: readonly Scenario[]): Seen {
  const runs = results.flatMap((text) => runResultSchema.parse(JSON.parse(text)).results).filter(counts);
  const fresh = runs.map((run) => [nameOf(run.scenario, run.variant), seenOf(run)] as const);
  const all: Seen = { ...before, ...Object.fromEntries(fresh) };
  const known = scenarios.flatMap((one) => variantsOf(one).map((variant) => nameOf(one.id, variant)));
  return Object.fromEntries(known.toSorted().flatMap((name) => (all[name] ? [[name, all[name]]] : [])));
}

function counts({ ok, source, sink, runtime }: VariantResult): boolean {
  return ok && ['ts', 'textbook'].includes(source) && sink === 'ts' && runtime === 'process';
}

function seenOf(result: VariantResult): SeenRun {
  const { verdict, stops = [], recovery = [], recovered = null } = result;
  return {
    verdict,
    text: outcomeLines({ paint: painter(false), width: WIDTH }, result).join('\n'),
    error: stops.find(({ said }) => said !== null)?.said ?? null,
    recovery: recovery.map(({ command, said }) => ({
      command: withoutInstance(command),
      said: withoutInstance(said),
    })),
    recovered,
  };
}

/** The pipeline of a run has a name of its own; that of `cdc-lab up` needs none. */
function withoutInstance(text: string): string {
  return text.replaceAll(/ --instance \S+/g, '');
}
