import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { removeLeftovers } from '../../../../fixtures/testing/test-folder.ts';
import { markedProcesses } from '../spawn.ts';

const SCRIPT = `
  import { temporaryLab } from ${JSON.stringify(join(import.meta.dirname, 'temporary-lab.ts'))};
  const lab = temporaryLab();
  await lab.runtime.launch(await lab.stub('left'));
  process.stdout.write(lab.dir);
  setInterval(() => undefined, 60_000);
`;

test('the processes and the folder of a killed test run’s lab are removed', async () => {
  // Without the variable it is a separate test run.
  const env = { CDC_LAB_TEST_RUN: undefined };
  const run = execa(process.execPath, ['--input-type=module', '-e', SCRIPT], { env, reject: false });
  const [printed] = await once(run.stdout, 'data');
  const dir = String(printed);
  try {
    run.kill('SIGKILL');
    await run;
    expect(markedProcesses(dir)).not.toEqual([]);
    await removeLeftovers(run.pid);
    expect(existsSync(dir)).toBe(false);
    expect(markedProcesses(dir)).toEqual([]);
  } finally {
    for (const { identity } of markedProcesses(dir)) process.kill(identity.pid, 'SIGKILL');
  }
});
