import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { makeTestFolder } from '../../../fixtures/testing/test-folder.ts';
import type { EnginePair } from '../engines.ts';
import type { UpOptions } from '../lab.ts';
import { LAB_INSTANCE } from '../state/record-instance.ts';
import { NO_PORTS, RunFile } from '../state/run-file.ts';
import { claimStateDir } from '../state/state-dir.ts';
import { forgetUnfinished, recordStanding, standingRecord } from './compose-pipeline.ts';

let context: { stateDir: string; runFile: RunFile };
beforeEach(() => {
  const stateDir = claimStateDir(join(makeTestFolder(), 'lab'));
  const runFile = new RunFile(stateDir);
  const run = { schemaVersion: 1, runtime: 'docker', runId: 'r', createdAt: '2026-01-01T00:00:00Z' } as const;
  runFile.create({ ...run, ports: NO_PORTS, services: {}, instances: {} });
  context = { stateDir, runFile };
});

const upWith = (engines: EnginePair): UpOptions => ({
  ...{ dir: context.stateDir, rate: 0, seed: 1, withInstance: true, progress: () => undefined },
  engines,
});
const DEBEZIUM = { source: 'debezium', sink: 'jdbc' } as const;
const OWN = { source: 'ts', sink: 'ts' } as const;

test('a first up that failed does not prevent one with other engines', async () => {
  const before = standingRecord(context);
  await recordStanding(context, upWith(DEBEZIUM));
  await forgetUnfinished(context, before);
  await recordStanding(context, upWith(OWN));
  expect(standingRecord(context)?.spec.engines).toEqual(OWN);
});

test('a pipeline that was recorded before, or is ready by now, is not forgotten', async () => {
  await recordStanding(context, upWith(DEBEZIUM));
  await forgetUnfinished(context, standingRecord(context));
  await expect(recordStanding(context, upWith(OWN))).rejects.toMatchObject({ code: 'CDC-5144' });
  await context.runFile.update((run) => {
    const mine = run.instances[LAB_INSTANCE];
    if (mine !== undefined) mine.state = 'ready';
  });
  await forgetUnfinished(context, undefined);
  await expect(recordStanding(context, upWith(OWN))).rejects.toMatchObject({ code: 'CDC-5144' });
});
