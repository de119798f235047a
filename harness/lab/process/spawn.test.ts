import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { markedProcesses, markerOf, parseMarker, SERVICE_VARIABLE } from './spawn.ts';

test.each(['/tmp/lab', '/tmp/lab#2', '/tmp/#'])(
  'the marker of a service in %s names folder and service',
  (dir) => {
    const marker = markerOf(dir, 'capture@lab')[SERVICE_VARIABLE] ?? '';
    expect(parseMarker(marker)).toEqual({ stateDir: dir, name: 'capture@lab' });
  },
);

test('a process of the lab in `x#2` is none of the lab in `x`', async () => {
  const dir = `/tmp/cdc-lab-marker-${process.pid}`;
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => undefined, 1e6)'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...markerOf(`${dir}#2`, 'pg-source') },
  });
  try {
    await once(child.stdout, 'data');
    expect(markedProcesses(dir)).toEqual([]);
    expect(markedProcesses(`${dir}#2`)).toMatchObject([{ name: 'pg-source', identity: { pid: child.pid } }]);
  } finally {
    child.kill('SIGKILL');
  }
});
