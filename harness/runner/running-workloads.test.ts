import { expect, test } from 'vitest';
import type { Instance, StartedWorkload, WorkloadSpec, WorkloadSummary } from '../lab/lab.ts';
import { RunningWorkloads } from './running-workloads.ts';

const SPEC: WorkloadSpec = { kind: 'mixed', rate: 1, transactions: null, seed: 1 };
const SUMMARY: WorkloadSummary = { committed: 1, failed: 0, unknown: 0 };
const BOUNDS = { signal: new AbortController().signal, withinMs: 1000 };

/** Workloads of which the first cannot be stopped the first time. */
function stubborn(): { workloads: RunningWorkloads; stops: string[] } {
  const stops: string[] = [];
  let made = 0;
  const startWorkload = async (): Promise<StartedWorkload> => {
    const service = `workload-${++made}`;
    const stop = async () => {
      stops.push(service);
      if (service === 'workload-1' && stops.filter((one) => one === service).length === 1)
        throw new Error('it does not answer');
      return SUMMARY;
    };
    return { service, stop, finished: Promise.resolve(SUMMARY) };
  };
  const instance = { startWorkload } as unknown as Instance;
  return { workloads: new RunningWorkloads(instance, () => undefined), stops };
}

test('a workload that could not be stopped is not forgotten, and does not keep the others running', async () => {
  const { workloads, stops } = stubborn();
  await workloads.start('main', SPEC);
  await workloads.start('second', SPEC);
  await expect(workloads.stopAll()).rejects.toThrow('it does not answer');
  expect(stops).toEqual(['workload-1', 'workload-2']);
  await workloads.stopAll();
  expect(stops).toEqual(['workload-1', 'workload-2', 'workload-1']);
  expect(workloads.written.committed).toBe(2);
});

test('a second workload of one name is refused, as long as the first one runs', async () => {
  const { workloads } = stubborn();
  await workloads.start('history', SPEC);
  await expect(workloads.start('history', SPEC)).rejects.toMatchObject({ code: 'CDC-5038' });
  await workloads.finish('history', BOUNDS);
  await workloads.start('history', SPEC);
});

test('a name that no workload has is refused with the nearest; `main` may be somebody else’s', async () => {
  const { workloads } = stubborn();
  await workloads.stop('main');
  await workloads.start('history', SPEC);
  await expect(workloads.stop('histroy')).rejects.toThrow('Did you mean "history"?');
  await expect(workloads.finish('histroy', BOUNDS)).rejects.toMatchObject({ code: 'CDC-5039' });
});
