import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { wrongWith } from '../conventions/testing/check-command.ts';
import { loadRecovery, recoveryNames, recoveryParams } from '../plugins/recovery.ts';
import { FakeWorld } from '../runner/testing/fake-lab.ts';

const names = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .map((name) => name.slice(0, -'.ts'.length));

it('is a folder of plug-ins, each found by its file name', async () => {
  expect(names.length).toBeGreaterThan(6);
  expect(await recoveryNames()).toEqual(names.toSorted());
});

it('an unknown action is refused, with the nearest', async () => {
  await expect(loadRecovery('slot-dorp')).rejects.toThrow('Did you mean "slot-drop"?');
});

describe.each(names)('recovery action %s', (name) => {
  it('says when it is safe, what it loses and how to undo it', async () => {
    const recovery = await loadRecovery(name);
    for (const text of [recovery.description, recovery.safeWhen, recovery.undo])
      expect(text).toMatch(/\w{3}/);
    expect(recovery.loses === null || recovery.loses.length > 5).toBe(true);
  });

  it('gives an example of its parameters that is valid, and refuses a parameter that it does not know', async () => {
    const recovery = await loadRecovery(name);
    expect(recovery.params.safeParse(recovery.example).success).toBe(true);
    expect(() => recoveryParams(recovery, name, { ...recovery.example, foo: 1 })).toThrow('foo');
  });

  it('is typed as a command that exists, by its own name', async () => {
    const recovery = await loadRecovery(name);
    const words = recovery.typed(recoveryParams(recovery, name, recovery.example));
    expect(wrongWith({ words: ['cdc-lab', ...words], isNamed: false })).toBeUndefined();
    expect(name.startsWith(words[0] ?? '?')).toBe(true);
  });
});

it('a secret is neither in the command that is stored and printed, nor set to its mask', async () => {
  const recovery = await loadRecovery('connectors-set');
  const given = {
    connector: 'sink',
    set: { 'connection.password': 'hunter2', 'connection.url': 'a://u:pw@h' },
  };
  const words = recovery.typed(recoveryParams(recovery, 'connectors-set', given));
  expect(words).toEqual([
    ...['connectors', 'set', 'sink'],
    ...['connection.password=********', 'connection.url=a://u:********@h'],
  ]);
  const world = new FakeWorld();
  const { signal } = new AbortController();
  const [lab, instance] = [world.lab('/x'), world.instance('a', '/x')];
  const context = { lab, instance, access: await world.access(), signal, withinMs: 1_000 };
  const copied = { connector: 'sink', set: { 'connection.password': '********' }, remove: [] };
  await expect(recovery.plan(context, copied)).rejects.toThrow('in place of a secret');
});
