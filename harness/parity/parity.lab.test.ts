import { expect, inject, test } from 'vitest';
import { enginesReady } from '../lab/process/connect-service.ts';
import { LISTED } from './differences.ts';
import { judge, unlisted } from './report.ts';
import { runParity } from './run.ts';
import { VARIANTS } from './variants.ts';

test.runIf(enginesReady())(
  'both engines publish the same records, except for the listed differences',
  { timeout: 600_000 },
  async () => {
    const servers = { sourceUrl: inject('sourceUrl'), bootstrapServers: [inject('bootstrapServers')] };
    const outcomes = await runParity(servers, () => undefined, VARIANTS);
    const judged = judge(outcomes, LISTED);
    expect(judged.rows.map(({ variant }) => variant)).toEqual(VARIANTS.map(({ name }) => name));
    expect(judged.rows.filter(({ records }) => records === 0)).toEqual([]);
    expect(unlisted(judged)).toEqual([]);
    // The list is what makes the comparison pass.
    expect(unlisted(judge(outcomes, [])).length).toBeGreaterThan(1000);
  },
);
