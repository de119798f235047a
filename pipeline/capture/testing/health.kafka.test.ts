import { setTimeout as delay } from 'node:timers/promises';
import { expect, inject, test } from 'vitest';
import type { Task } from '../../contract/connector.ts';
import { Bench, until } from './lab.ts';

/** Far below the defaults, so that the tests are short. */
const BOUNDS = { lagEvents: 1, lagMs: 1_000, stalledAfterMs: 1_500 };

/** A lab that captures `item` and not `noise`, with a publish stage that hangs while it is held. */
async function labOf() {
  const lab = await Bench.create(inject('sourceUrl'), inject('bootstrapServers'));
  lab.healthBounds = BOUNDS;
  await lab.sql.query('CREATE TABLE item (id int PRIMARY KEY); CREATE TABLE noise (id int)');
  const producer = { held: Promise.resolve(), release: () => {} };
  lab.defects.push({
    name: 'stuck',
    description: 'Hangs before it sends.',
    publish: (healthy) => ({
      async publish(records) {
        await producer.held;
        await healthy.publish(records);
      },
    }),
  });
  const task = await lab.start({ 'snapshot.mode': 'no_data', 'table.include.list': 'public.item' });
  await until(40_000, 'the stream', async () =>
    task
      .health()
      .some(({ component, detail }) => component === 'replication-stream' && detail === 'streaming'),
  );
  const stick = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    Object.assign(producer, { held: promise, release: resolve });
  };
  return { lab, task, stick, release: () => producer.release() };
}

const healthOf = (task: Task, component: string) =>
  task.health().find((part) => part.component === component);
const degraded = (task: Task) =>
  task.health().flatMap(({ component, health }) => (health === 'ok' ? [] : [component]));

test('a stuck producer makes lag and progress degraded, until it sends again', async () => {
  const { lab, task, stick, release } = await labOf();
  await using _ = lab;
  expect(degraded(task)).toEqual([]);
  stick();
  await lab.sql.query('INSERT INTO item VALUES (1)');
  await until(20_000, 'the degraded health', async () => degraded(task).length === 2);
  expect(healthOf(task, 'lag')?.detail).toMatch(
    /^the oldest waiting change committed .* s ago, the bound is 1 s$/,
  );
  expect(healthOf(task, 'progress')?.detail).toMatch(/^no progress for .* s: changes are waiting for Kafka$/);
  release();
  await lab.settled();
  expect(degraded(task)).toEqual([]);
});

test('a paused task says so, and is not degraded by changes that wait', async () => {
  const { lab, task } = await labOf();
  await using _ = lab;
  await task.pause();
  await lab.sql.query('INSERT INTO item SELECT i FROM generate_series(1, 1000) i');
  await delay(2 * BOUNDS.stalledAfterMs);
  expect(degraded(task)).toEqual([]);
  expect(healthOf(task, 'progress')?.detail).toBe('paused');
  await task.resume();
  await lab.settled();
  expect(healthOf(task, 'progress')).toMatchObject({ health: 'ok', detail: 'nothing to do' });
});

test('an idle source whose WAL grows by tables that are not captured is never degraded', async () => {
  const { lab, task } = await labOf();
  await using _ = lab;
  const seen = new Set<string>();
  const end = Date.now() + 3 * BOUNDS.stalledAfterMs;
  while (Date.now() < end) {
    await lab.sql.query('INSERT INTO noise SELECT i FROM generate_series(1, 2000) i');
    for (const component of degraded(task)) seen.add(component);
    await delay(50);
  }
  expect([...seen]).toEqual([]);
});
