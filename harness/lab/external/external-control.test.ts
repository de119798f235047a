import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { makeTestFolder } from '../../../fixtures/testing/test-folder.ts';
import { healLeftovers } from '../../undo/replay-undo.ts';
import { UndoLog } from '../../undo/undo-log.ts';
import { markerOf } from '../process/spawn.ts';
import { claimStateDir } from '../state/state-dir.ts';
import { externalControl } from './external-control.ts';
import { ownProcesses } from './own-processes.ts';

let dir: string;
beforeEach(() => {
  dir = claimStateDir(join(makeTestFolder(), 'lab'));
});

/** A target that cannot be reached: the file that describes it does not exist. */
const control = externalControl({ config: join(import.meta.dirname, 'none.json'), own: null }, healLeftovers);

/** Resolves when the process has printed something. */
async function started(child: ChildProcess): Promise<ChildProcess> {
  await once(child.stdout ?? child, 'data');
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

test('down and clean are refused while a run holds the lab', async () => {
  ownProcesses(dir, '');
  const script = join(import.meta.dirname, '../testing/hold-lab.ts');
  const holder = await started(
    spawn(process.execPath, [script, dir], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  try {
    await expect(control.down(dir)).rejects.toMatchObject({ code: 'CDC-5112' });
    await expect(control.clean(dir)).rejects.toMatchObject({ code: 'CDC-5112' });
    expect(existsSync(join(dir, 'run.json'))).toBe(true);
  } finally {
    await killed(holder);
  }
  await control.clean(dir);
  expect(existsSync(dir)).toBe(false);
});

test.each(['down', 'clean'] as const)(
  '%s ends a workload whose starter died before it was recorded',
  async (name) => {
    ownProcesses(dir, '');
    const workload = await started(
      spawn('sh', ['-c', 'echo up; exec sleep 600'], {
        env: { ...process.env, ...markerOf(dir, 'workload@lab') },
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    const exit = once(workload, 'exit');
    try {
      await control[name](dir);
      expect((await exit)[1]).toBe('SIGKILL');
    } finally {
      workload.kill('SIGKILL');
    }
  },
  20_000,
);

test('clean removes nothing while a fault is left that it cannot heal', async () => {
  const undo = new UndoLog(dir);
  undo.pending({ id: 'a', instance: 'lag', fault: 'pause-connector', params: { connector: 'sink' } });
  await expect(control.clean(dir)).rejects.toMatchObject({
    code: 'CDC-5404',
    message: expect.stringContaining('pause-connector'),
    remedy: expect.stringContaining(undo.file),
  });
  expect(undo.outstanding()).toHaveLength(1);
  undo.done('a');
  await control.clean(dir);
  expect(existsSync(dir)).toBe(false);
});

test('a folder that is not the lab’s is left alone', async () => {
  const other = makeTestFolder();
  writeFileSync(join(other, 'letter.txt'), 'mine');
  await expect(control.clean(other)).rejects.toMatchObject({ code: 'CDC-5120' });
  expect(existsSync(join(other, 'letter.txt'))).toBe(true);
});

test('the folder of another runtime is refused', async () => {
  writeFileSync(join(dir, 'run.json'), JSON.stringify({ runtime: 'docker' }));
  await expect(control.open(dir)).rejects.toMatchObject({ code: 'CDC-5210' });
});
