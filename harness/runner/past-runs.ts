import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { runResultSchema, type VariantResult } from './result.ts';

/** The newest result of a scenario's naive pipeline that shows a wrong row, among the runs of a lab. */
export function lastWrongRow(labDir: string, scenario: string): VariantResult | undefined {
  const runs = path.join(labDir, 'runs');
  if (!existsSync(runs)) return undefined;
  // A run's id begins with its time.
  for (const run of readdirSync(runs).sort().reverse()) {
    const file = path.join(runs, run, 'result.json');
    if (!existsSync(file)) continue;
    const { data } = runResultSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')));
    const found = data?.results.find(
      (one) => one.scenario === scenario && one.variant === 'naive' && one.wrongRow !== undefined,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}
