import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labelOfRun, leftOf } from '../../../docker/testing/engine.ts';
import { loadScenario, loadScenarios } from '../../plugins/catalogue.ts';
import { runBothVariants, verdictsOf } from '../../runner/testing/both-variants.ts';
import { UndoLog } from '../../undo/undo-log.ts';
import type { Lab } from '../lab.ts';
import { dockerLabControl } from './docker-control.ts';
import { DockerRuntime } from './docker-runtime.ts';
import { connectEngine } from './engine.ts';

const WITHIN_MS = 15 * 60_000;
let dir: string;
let lab: Lab;

beforeAll(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'cdc-lab-docker-')), 'lab');
  lab = await dockerLabControl.up({
    dir,
    rate: 0,
    seed: 42,
    withInstance: false,
    progress: () => undefined,
  });
}, 180_000);

afterAll(async () => {
  await dockerLabControl.clean(dir);
  await rm(join(dir, '..'), { recursive: true, force: true });
}, 120_000);

describe('the five lessons, in containers', () => {
  it('get their ten verdicts, each as expected and for the expected reason', {
    timeout: WITHIN_MS,
  }, async () => {
    const run = await runBothVariants(lab, await loadScenarios('lessons'));
    expect(run.results).toHaveLength(10);
    expect(run.ok, verdictsOf(run)).toBe(true);
    for (const { proof, runtime } of run.results) {
      expect(runtime).toBe('docker');
      expect(proof.injected).not.toBeNull();
    }
    expect(new UndoLog(dir).outstanding()).toEqual([]);
  });

  it('leave nothing of their pipelines behind, and the servers still run', async () => {
    const services = await lab.runtime.services();
    expect(services.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'kafka running',
      'pg-sink running',
      'pg-source running',
    ]);
    const left = await leftOf(await connectEngine(), labelOfRun(lab.runId));
    expect(left.filter((name) => name.startsWith('container'))).toHaveLength(3);
  });

  it('are not run where the runtime lacks what a fault needs, which is never a PASS', async () => {
    const { runtime } = lab;
    // The runtime without kill.
    const without = {
      name: runtime.name,
      services: () => runtime.services(),
      start: async (service: string) => {
        if (runtime.start === undefined) throw new Error('it starts services');
        return runtime.start(service);
      },
    };
    const lame: Lab = {
      dir: lab.dir,
      runId: lab.runId,
      runtime: without,
      instance: (name) => lab.instance(name),
      createInstance: (spec) => lab.createInstance(spec),
    };
    const restart = (await loadScenarios('lessons')).filter(({ id }) => id === 'restart');
    const { results, notRun = [] } = await runBothVariants(lame, restart);
    expect(results).toEqual([]);
    expect(notRun.map(({ variant }) => variant)).toEqual(['sound', 'naive']);
    for (const { reason } of notRun) expect(reason).toContain('the docker runtime cannot kill a service');
  });

  it('see the end of a workload that writes for longer than a request to the engine may take', {
    timeout: 120_000,
  }, async () => {
    if (!(lab.runtime instanceof DockerRuntime)) throw new Error('it is a lab of containers');
    const { modem } = lab.runtime.docker;
    const file = { source: { file: 'source' }, sink: { file: 'sink' } };
    const spec = { name: 'patient', ...file, verifyEveryMs: null, seedRows: 10, seed: 1 };
    await using instance = await lab.createInstance(spec);
    const workload = await instance.startWorkload({ kind: 'mixed', rate: 10, seed: 1, transactions: 80 });
    const usual = 'timeout' in modem ? modem.timeout : undefined;
    Object.assign(modem, { timeout: 4_000 });
    try {
      expect(await workload.finished).toMatchObject({ committed: 80 });
    } finally {
      Object.assign(modem, { timeout: usual });
    }
  });

  const connect = process.env.CDC_LAB_IMAGE_CONNECT ?? '';

  /** `CDC_LAB_ENGINES=all`: both variants of every lesson, run as a user runs them. */
  const isAll = process.env.CDC_LAB_ENGINES === 'all';

  it.runIf(connect !== '')(
    `get the verdict of Debezium and its JDBC sink on ${connect}: nothing is lost when the capture is killed`,
    { timeout: isAll ? 4 * WITHIN_MS : WITHIN_MS },
    async () => {
      const engines = { source: 'debezium', sink: 'jdbc' } as const;
      const restart = await loadScenario('restart');
      const run = isAll
        ? await runBothVariants(lab, await loadScenarios('lessons'), { engines })
        : await runBothVariants(lab, [], {
            plan: [{ scenario: restart, variant: 'sound' }],
            engines,
            // Every second instead of every ten: the lesson waits for the moment after offsets are stored.
            connect: { offsetFlushMs: 1_000 },
          });
      expect(run.ok, verdictsOf(run)).toBe(true);
      expect(run.results[0]).toMatchObject({ ...engines, runtime: 'docker', verdict: 'PASS' });
      // The naive pause is a defect, and defects cannot be planted in the JDBC sink.
      if (isAll) expect(run.results).toHaveLength(9);
    },
  );
});
