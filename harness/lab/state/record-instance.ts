import { LabError, messageOf } from '../../../pipeline/contract/errors.ts';
import type { InstanceSpec, PrivateServer } from '../lab.ts';
import { freePorts } from '../services/ports.ts';
import { identify } from './process-table.ts';
import type { InstanceRecord, RunFile } from './run-file.ts';

/** The instance that `up` sets up, which outlives the process. */
export const LAB_INSTANCE = 'lab';

/**
 * Records what is about to be built, so that after a crash the next command finds what is half built. The
 * instance `lab` belongs to the lab, every other to this process: when the process ends, however it ends, the
 * next `up` drops it.
 * @throws LabError CDC-5126 if one of that name exists.
 */
export async function recordInstance(runFile: RunFile, spec: InstanceSpec): Promise<InstanceRecord> {
  const owner = spec.name === LAB_INSTANCE ? null : (identify(process.pid) ?? null);
  const { sinkWorkers = 1 } = spec;
  const privates = spec.private ?? [];
  const count = 2 + sinkWorkers;
  const [capture = 0, sink = 0, verifier = 0, ...more] = await freePorts(count + portsFor(privates));
  const moreSinks = more.splice(0, sinkWorkers - 1);
  const record: InstanceRecord = {
    name: spec.name,
    state: 'creating',
    owner,
    ports: {
      ...{ capture, sink, verifier, ...(moreSinks.length === 0 ? {} : { moreSinks }) },
      ...privatePorts(privates, more),
    },
    spec: structuredClone(spec) as InstanceRecord['spec'],
  };
  await runFile.update((run) => {
    if (run.instances[spec.name] !== undefined) {
      throw new LabError('CDC-5126', `An instance ${spec.name} exists already.`, {
        remedy: 'Choose another name, or drop that one.',
      });
    }
    run.instances[spec.name] = record;
  });
  return record;
}

const portsFor = (servers: readonly PrivateServer[]): number =>
  servers.reduce((sum, server) => sum + (server === 'kafka' ? 4 : 1), 0);

function privatePorts(servers: readonly PrivateServer[], free: number[]): Partial<InstanceRecord['ports']> {
  const next = (): number => free.shift() ?? 0;
  const isPrivate = (server: PrivateServer): boolean => servers.includes(server);
  return {
    ...(isPrivate('pg-source') ? { pgSource: next() } : {}),
    ...(isPrivate('pg-sink') ? { pgSink: next() } : {}),
    ...(isPrivate('kafka')
      ? { kafka: { client: next(), link: next(), linkAdvertised: next(), controller: next() } }
      : {}),
  };
}

/** Marks a recorded instance as built; does nothing if it has been dropped meanwhile. */
export function markReady(runFile: RunFile, name: string): Promise<void> {
  return runFile.update((run) => {
    const mine = run.instances[name];
    if (mine !== undefined) mine.state = 'ready';
  });
}

/** Waits for what was recorded to be built; if that fails, drops what is half built. If that fails too, the next `up` tries
 * again. */
export async function buildOrDrop(build: Promise<void>, drop: () => Promise<void>): Promise<void> {
  try {
    await build;
  } catch (error) {
    await drop().catch((cleanup: unknown) => {
      throw new AggregateError([error, cleanup], messageOf(error));
    });
    throw error;
  }
}
