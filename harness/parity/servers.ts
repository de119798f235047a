import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labControl } from '../lab/process/process-control.ts';
import type { Servers } from './run.ts';

/**
 * Runs `work` with a source and a broker: those of `CDC_LAB_TEST_SOURCE_URL` and `CDC_LAB_TEST_KAFKA` if both are
 * set, as in integration tests. Otherwise it starts a lab, and removes it afterwards.
 */
export async function withServers<T>(
  progress: (step: string) => void,
  work: (servers: Servers) => Promise<T>,
): Promise<T> {
  const { CDC_LAB_TEST_SOURCE_URL: sourceUrl, CDC_LAB_TEST_KAFKA: broker } = process.env;
  if (sourceUrl !== undefined && broker !== undefined) {
    return await work({ sourceUrl, bootstrapServers: [broker] });
  }
  const parent = mkdtempSync(join(tmpdir(), 'cdc-lab-parity-'));
  const dir = join(parent, 'lab');
  try {
    const lab = await labControl.up({ dir, rate: 0, seed: 1, withInstance: false, progress });
    await using instance = await lab.createInstance({
      name: 'parity',
      source: { file: 'source' },
      sink: { file: 'sink' },
      verifyEveryMs: null,
      seedRows: 1,
      seed: 1,
    });
    // The lab's addresses have no password. It is in the environment.
    const url = Object.assign(new URL(instance.sourceUrl), { password: process.env.PGPASSWORD ?? '' });
    return await work({ sourceUrl: url.href, bootstrapServers: instance.bootstrapServers });
  } finally {
    await labControl.clean(dir);
    rmSync(parent, { recursive: true, force: true });
  }
}
