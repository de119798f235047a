import { expect, test } from 'vitest';
import { makeTestFolder } from '../../../fixtures/testing/test-folder.ts';
import type { NotDropped } from '../lab.ts';
import type { ServiceInfo } from '../runtime.ts';
import { NO_PORTS, newRun, RunFile } from '../state/run-file.ts';
import { dropKept, isUnfinished } from './leftovers.ts';

const server = (state: ServiceInfo['state']): ServiceInfo => ({
  ...{ name: 'kafka', kind: 'kafka', state, pid: null, port: null, log: '' },
});

function labWith(names: readonly string[], state: ServiceInfo['state']) {
  const runFile = new RunFile(makeTestFolder());
  const instances = names.map((name) => {
    const files = { source: { file: 'source' }, sink: { file: 'sink' } };
    const spec = { name, ...files, verifyEveryMs: null, seedRows: 0, seed: 1 };
    const ports = { capture: 1, sink: 2, verifier: 3 };
    return [name, { name, state: 'ready', owner: null, ports, spec }] as const;
  });
  runFile.create({ ...newRun({ ports: NO_PORTS }), instances: Object.fromEntries(instances) });
  return { runFile, runtime: { name: 'process', services: async () => [server(state)] } as const };
}

test('a kept pipeline that cannot be dropped is reported with the reason, and is left for the next up', async () => {
  const lab = labWith(['lab', 'good', 'bad'], 'running');
  const drop = async (name: string): Promise<void> => {
    if (name === 'bad') throw new Error('the slot is active');
  };
  const left: NotDropped[] = [];
  const proofs = await dropKept(lab, drop, (one) => left.push(one));
  expect(proofs).toMatchObject([{ action: 'dropped', service: 'good' }]);
  expect(left).toEqual([{ name: 'bad', reason: 'the slot is active' }]);
  const { bad, lab: own } = lab.runFile.read()?.instances ?? {};
  expect([bad, own].map((record) => record && isUnfinished(record))).toEqual([true, false]);
});

test('without its servers, no kept pipeline is dropped, and each is reported', async () => {
  const left: NotDropped[] = [];
  const drop = async (): Promise<never> => expect.unreachable();
  expect(await dropKept(labWith(['lab', 'one', 'two'], 'dead'), drop, (one) => left.push(one))).toEqual([]);
  expect(left.map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
    'one: its servers do not run',
    'two: its servers do not run',
  ]);
});
