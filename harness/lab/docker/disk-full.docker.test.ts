import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadScenario } from '../../plugins/catalogue.ts';
import { runBothVariants, verdictsOf } from '../../runner/testing/both-variants.ts';
import { UndoLog } from '../../undo/undo-log.ts';
import type { Lab } from '../lab.ts';
import { FULL_BELOW_BYTES } from '../runtime.ts';
import { dockerLabControl } from './docker-control.ts';

let dir: string;
let lab: Lab;

beforeAll(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'cdc-lab-docker-disk-')), 'lab');
  vi.stubEnv('CDC_LAB_DISK_LIMIT', '384m');
  const quietly = () => undefined;
  lab = await dockerLabControl.up({ dir, rate: 0, seed: 42, withInstance: false, progress: quietly });
  vi.unstubAllEnvs();
}, 180_000);

afterAll(async () => {
  await dockerLabControl.clean(dir);
  await rm(join(dir, '..'), { recursive: true, force: true });
}, 120_000);

describe('a lab with limited disks', () => {
  it('keeps its limit, whatever the environment says later', async () => {
    const again = await dockerLabControl.open(dir);
    const rooms = await Promise.all(
      ['pg-source', 'pg-sink', 'kafka'].map((name) => again?.runtime.roomOf?.(name)),
    );
    for (const room of rooms) expect(room?.sizeBytes).toBe(384 * 1024 * 1024);
  });

  it('has lost nothing once the sink’s full disk has room again', {
    timeout: 300_000,
  }, async () => {
    const lag = await loadScenario('lag');
    const scenario = {
      ...lag,
      id: 'disk-full',
      steps: {
        inject: [{ do: 'fault', fault: 'fill-disk', with: { service: 'pg-sink' } }],
        hold: [{ do: 'until-behind', events: 500 }],
        settle: [{ do: 'until-committed', transactions: 20 }],
      },
    } as const;
    const run = await runBothVariants(lab, [], { plan: [{ scenario, variant: 'sound' }] });
    expect(run.ok, verdictsOf(run)).toBe(true);
    const [result] = run.results;
    expect(result?.verdict).toBe('PASS');
    expect(JSON.stringify(result?.proof)).toContain('No space left on device');
    expect((await lab.runtime.roomOf?.('pg-sink'))?.freeBytes).toBeGreaterThan(FULL_BELOW_BYTES);
    expect(new UndoLog(dir).outstanding()).toEqual([]);
  });
});
