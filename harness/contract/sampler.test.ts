import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { FakeWorld } from '../runner/testing/fake-lab.ts';
import { until } from '../wait.ts';
import { probesFor, residentIn } from './probes.ts';
import { Sampler } from './sampler.ts';

it('keeps first, last and most, and goes on past a probe that throws', async () => {
  const values = [5, null, 9, undefined, 7];
  let reads = 0;
  const probe = async () => {
    const value = values[Math.min(reads++, values.length - 1)];
    if (value === null) throw new Error('down');
    return value;
  };
  const sampler = new Sampler(new Map([['x', probe]]), 1);
  await until(() => reads >= 6, { what: 'six reads', withinMs: 5_000, everyMs: 5 });
  await sampler[Symbol.asyncDispose]();
  expect(sampler.of('x')).toMatchObject({ first: 5, most: 9, last: 7 });
  expect(sampler.of('y')).toBeUndefined();
  const end = reads;
  await sampler.look();
  expect(reads).toBe(end + 1);
});

it('samples what the clauses need, from the slot and from /proc', async () => {
  const world = new FakeWorld();
  const instance = world.instance('i', '/tmp');
  world.services = world.services.map((one) => ({ ...one, pid: process.pid }));
  const access = { query: async () => [{ bytes: '4096' }] };
  const why = 'promised';
  const clauses = [
    { kind: 'wal-retained', atMostBytes: 1, why },
    { kind: 'rss-growth', of: 'capture', atMostBytes: 1, why },
    { kind: 'writer-ok', why },
  ] as const;
  const probes = probesFor(clauses, { access, lab: world.lab('/tmp'), instance });
  expect([...probes.keys()]).toEqual(['wal', 'rss-capture']);
  expect(await probes.get('wal')?.()).toBe(4096);
  const rss = (await probes.get('rss-capture')?.()) ?? 0;
  expect(rss).toBeGreaterThan(10 * 1024 * 1024);
  expect(residentIn(await readFile('/proc/self/status', 'utf8'))).toBeGreaterThan(0);
  expect(residentIn('Name:\tnode\nState:\tZ (zombie)\n')).toBeUndefined();
});

it('sees nothing of a service without a process, or of a slot that is not there', async () => {
  const world = new FakeWorld();
  const instance = world.instance('i', '/tmp');
  world.services = world.services.map((one) => ({ ...one, pid: null }));
  const clauses = [
    { kind: 'wal-retained', atMostBytes: 1, why: 'promised' },
    { kind: 'rss-growth', of: 'sink', atMostBytes: 1, why: 'promised' },
  ] as const;
  const probes = probesFor(clauses, { access: { query: async () => [] }, lab: world.lab('/tmp'), instance });
  expect(await Promise.all([...probes.values()].map((probe) => probe()))).toEqual([undefined, undefined]);
});
