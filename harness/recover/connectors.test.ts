import { describe, expect, it } from 'vitest';
import restart from './connectors-restart.ts';
import set from './connectors-set.ts';
import { contextOf, FakeConnect } from './testing/fake-connect.ts';

const sink = { connector: 'sink', onlyFailed: false };

describe('restart', () => {
  it.each(['PAUSED', 'STOPPED'] as const)('of a connector that is %s is refused at once', async (state) => {
    const connect = await FakeConnect.start();
    Object.assign(connect, { connector: state, task: state === 'PAUSED' ? 'PAUSED' : null });
    const context = await contextOf(connect);
    const refusal = { code: 'CDC-5064', remedy: 'resume it: cdc-lab connectors resume sink' };
    await expect(restart.plan(context, sink)).rejects.toMatchObject(refusal);
    await expect(restart.run(context, sink)).rejects.toMatchObject(refusal);
    expect(connect.told).toEqual([]);
  });

  it('of one that runs waits until it runs again', async () => {
    const connect = await FakeConnect.start();
    expect((await restart.run(await contextOf(connect), sink)).said).toBe('sink is RUNNING');
    expect(connect.told).toEqual(['POST /connectors/sink/restart?includeTasks=true&onlyFailed=false']);
  });
});

describe('set', { timeout: 20_000 }, () => {
  const change = { connector: 'sink', set: { 'batch.size': '7' }, remove: [] };

  it('says the state that a connector reaches which had failed, also if it fails again', async () => {
    const connect = await FakeConnect.start();
    Object.assign(connect, { task: 'FAILED', configured: 'FAILED' });
    const { said, evidence } = await set.run(await contextOf(connect), change);
    expect(said).toBe('sink has 1 changed key, and is RUNNING, task 0 FAILED');
    expect(evidence).toMatchObject({ after: 'RUNNING, task 0 FAILED' });
    connect.configured = 'RUNNING';
    const mended = { ...change, set: { 'batch.size': '8' } };
    expect((await set.run(await contextOf(connect), mended)).said).toContain('is RUNNING, task 0 RUNNING');
  });

  it('fails if it makes a connector fail that ran', async () => {
    const connect = await FakeConnect.start();
    connect.configured = 'FAILED';
    await expect(set.run(await contextOf(connect), change)).rejects.toThrow(
      'task 0 FAILED: Error: no such table',
    );
  });

  it('asks where a setting leaves something out, and only there', async () => {
    const connect = await FakeConnect.start();
    connect.config = { 'connector.class': 'C', 'delete.enabled': 'true' };
    const context = await contextOf(connect);
    const plan = (given: Record<string, string>) => set.plan(context, { ...change, set: given });
    expect((await plan({ 'delete.enabled': 'false' })).loses).toBe(
      'From then on, delete.enabled loses deletes.',
    );
    expect((await plan({ 'batch.size': '7' })).loses).toBeNull();
  });

  it('leaves a paused connector paused', async () => {
    const connect = await FakeConnect.start();
    Object.assign(connect, { connector: 'PAUSED', task: 'PAUSED', configured: 'PAUSED' });
    expect((await set.run(await contextOf(connect), change)).said).toContain('is PAUSED, task 0 PAUSED');
  });
});
