import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { poll } from '../../wait.ts';
import { isStopped, killTree, stopTree, treeOf } from '../process/process-tree.ts';
import { identify, isAlive, parseStat, readStat, withDescendants } from './process-table.ts';

const line = (name: string): string =>
  `4711 (${name}) S 17 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 2000`;

test.each(['postgres', 'a b', 'x) R 1 (y', '((', 'Web Content)'])(
  'a stat line is parsed whatever the command is called: %s',
  (name) => {
    expect(parseStat(line(name))).toEqual({ pid: 4711, parentPid: 17, state: 'S', startTicks: '987654' });
  },
);

test('a line that is cut off is not a process', () => {
  expect(parseStat('4711 (postgres) S 17')).toBeUndefined();
});

test('this process is identified, and alive', () => {
  const me = identify(process.pid);
  expect(me?.startTicks).toBe(readStat(process.pid)?.startTicks);
  expect(me !== undefined && isAlive(me)).toBe(true);
});

test('a process that has ended is not alive', async () => {
  const child = spawn('sleep', ['600']);
  await once(child, 'spawn');
  const identity = identify(child.pid ?? 0);
  if (identity === undefined) throw new Error('the child is not in /proc');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isAlive(identity)).toBe(false);
});

test('another process with the same pid does not count as alive, and is not killed', async () => {
  const child = spawn('sleep', ['600']);
  await once(child, 'spawn');
  const identity = identify(child.pid ?? 0);
  if (identity === undefined) throw new Error('the child is not in /proc');
  try {
    for (const other of [
      { ...identity, startTicks: '1' },
      { ...identity, bootId: 'another boot' },
    ]) {
      expect(isAlive(other)).toBe(false);
      expect(treeOf([other])).toEqual([]);
      expect(await killTree([other])).toEqual([]);
    }
    expect(isAlive(identity)).toBe(true);
  } finally {
    child.kill('SIGKILL');
  }
});

test('descendants are found below their roots, parents first, and no other process', () => {
  const process = (pid: number, parentPid: number) => ({ pid, parentPid, state: 'S', startTicks: '1' });
  const table = [process(5, 4), process(4, 2), process(2, 1), process(3, 1), process(6, 3)];
  expect(withDescendants(new Set([2]), table).map(({ pid }) => pid)).toEqual([2, 4, 5]);
  expect(withDescendants(new Set([3, 4]), table).map(({ pid }) => pid)).toEqual([4, 3, 5, 6]);
  expect(withDescendants(new Set([9]), table)).toEqual([]);
});

// vfork(2) and getpid(2) by their numbers on x64: the parent waits in the kernel for a child that never calls
// exec(2).
const IN_VFORK = "if (syscall(58) == 0) { kill 'STOP', syscall(39); sleep 600 }";
const canVfork = process.arch === 'x64' && spawnSync('perl', ['-e', '1']).status === 0;

test.skipIf(!canVfork)(
  'a parent whose child was stopped between vfork and exec counts as stopped once signalled, and is killed',
  async () => {
    const parent = spawn('perl', ['-e', IN_VFORK], { stdio: 'ignore' });
    const ended = once(parent, 'exit');
    await once(parent, 'spawn');
    const root = identify(parent.pid ?? 0);
    if (root === undefined) throw new Error('the parent is not in /proc');
    const inVfork = () =>
      treeOf([root])
        .map(({ state }) => state)
        .join('') === 'DT'
        ? true
        : undefined;
    expect(await poll(inVfork, { withinMs: 10_000, everyMs: 10, maxEveryMs: 200 })).toBe(true);
    expect(isStopped(root.pid)).toBe(false);
    expect((await stopTree([root])).map(({ state }) => state)).toEqual(['D', 'T']);
    expect(isStopped(root.pid)).toBe(true);
    expect(await killTree([root])).toHaveLength(2);
    await ended;
  },
);
