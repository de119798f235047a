import { rmSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { planInstance } from './instance-plan.ts';
import { prepareProcesses } from './instance-processes.ts';

const PORTS = {
  ...{ pgSource: 1, pgSink: 2 },
  ...{ kafkaClient: 3, kafkaLink: 4, kafkaLinkAdvertised: 5, kafkaController: 6 },
};

test('the verifier gets a heap that grows sparingly: a long ledger must not take half of the machine', () => {
  const dir = makeTestFolder();
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const plan = planInstance(dir, { ports: PORTS }, 'lab', { capture: 7, sink: 8, verifier: 9 });
  const spec = {
    name: 'lab',
    source: { file: 'source' },
    sink: { file: 'sink' },
    verifyEveryMs: null,
    seedRows: 1,
    seed: 1,
  };
  const { args } = prepareProcesses(plan, spec, dir).verifier;
  const main = args.findIndex((arg) => arg.endsWith('verifier/main.ts'));
  expect(args.slice(0, main)).toEqual(
    expect.arrayContaining(['--max-semi-space-size=2', '--max-old-space-size=1024']),
  );
});
