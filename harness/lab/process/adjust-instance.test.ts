import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeTestFolder } from '../../../fixtures/testing/test-folder.ts';
import { PROJECT_DIR } from '../../project.ts';
import type { InstanceRecord } from '../state/run-file.ts';
import { upgrade } from './adjust-instance.ts';
import type { ProcessLabContext } from './process-runtime.ts';

/** An instance whose capture was recorded with these arguments; its services are not asked for. */
function lab(spec: Partial<InstanceRecord['spec']>) {
  const stateDir = makeTestFolder();
  onTestFinished(() => rmSync(stateDir, { recursive: true, force: true }));
  const ports = { capture: 7, sink: 8, verifier: 9 };
  const files = { source: { file: 'source' }, sink: { file: 'sink' } };
  const own = { name: 'lab', verifyEveryMs: null, seedRows: 1, seed: 1, ...files, ...spec };
  const record = { name: 'lab', ports, spec: own } as unknown as InstanceRecord;
  const run = {
    ports: { pgSource: 1, pgSink: 2, kafka: 3 },
    services: { 'capture@lab': { spec: { args: ['--config', 'x'] } } },
    instances: { lab: record },
  };
  const update = async (change: (one: typeof run) => void) => change(run);
  const runFile = { path: 'run.json', read: () => run, update };
  const context = { stateDir, password: '', runFile, runtime: {} } as unknown as ProcessLabContext;
  return { context, record, run, dir: join(stateDir, 'instances/lab') };
}

test('an upgrade of a pipeline without a planted defect writes nothing', async () => {
  const { context, record, dir } = lab({});
  expect(await upgrade(context, record)).toEqual([]);
  expect(existsSync(dir)).toBe(false);
});

test('an upgrade keeps what the verifier knows of somebody else’s sink', async () => {
  const pipeline = join(PROJECT_DIR, 'fixtures/pipelines/kafkajs-upsert.ts');
  const { context, record, run, dir } = lab({ pipeline, defects: { capture: ['none'] } });
  expect(await upgrade(context, record)).toEqual([]);
  const { connectors } = JSON.parse(readFileSync(join(dir, 'verifier.json'), 'utf8'));
  expect(connectors.map(({ type }: { type: string }) => type)).toEqual(['source']);
  expect(run.instances.lab.spec.defects).toBeUndefined();
});
