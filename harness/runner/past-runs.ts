import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type RunResult, runResultSchema, type VariantResult } from './result.ts';

/** The newest result of a scenario's naive pipeline that shows a wrong row, among the runs of a lab. */
export function lastWrongRow(labDir: string, scenario: string): VariantResult | undefined {
  const runs = path.join(labDir, 'runs');
  if (!existsSync(runs)) return undefined;
  // A run's id begins with its time.
  for (const run of readdirSync(runs).sort().reverse()) {
    const file = path.join(runs, run, 'result.json');
    if (!existsSync(file)) continue;
    const found = resultIn(file)?.results.find(
      (one) => one.scenario === scenario && one.variant === 'naive' && one.wrongRow !== undefined,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Undefined for a file that this version did not write, or that somebody has spoilt: it is only an example. */
function resultIn(file: string): RunResult | undefined {
  try {
    return runResultSchema.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
