import { readFile } from 'node:fs/promises';
import type { Access, WorkerRole } from '../access/access.ts';
import { workerServices } from '../access/instance-services.ts';
import type { Instance, Lab } from '../lab/lab.ts';
import type { Clause } from '../plugins/clause.ts';
import type { Probe } from './sampler.ts';

export const WAL = 'wal';
export const rssOf = (worker: WorkerRole): string => `rss-${worker}`;

/** The probes that the clauses of a contract need. */
export function probesFor(
  clauses: readonly Clause[],
  { access, lab, instance }: { access: Pick<Access, 'query'>; lab: Pick<Lab, 'runtime'>; instance: Instance },
): ReadonlyMap<string, Probe> {
  const probes = new Map<string, Probe>();
  for (const clause of clauses) {
    if (clause.kind === 'wal-retained') probes.set(WAL, () => retainedWalBytes(access, instance.slot));
    if (clause.kind !== 'rss-growth') continue;
    probes.set(rssOf(clause.of), () => residentBytes(lab, workerServices(instance, clause.of)));
  }
  return probes;
}

/** WAL that the source keeps for the slot: from its `restart_lsn` to the current position. */
async function retainedWalBytes(access: Pick<Access, 'query'>, slot: string): Promise<number | undefined> {
  const [row] = await access.query(
    'source',
    `SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::int8 AS bytes
       FROM pg_replication_slots WHERE slot_name = $1`,
    [slot],
  );
  return row?.bytes == null ? undefined : Number(row.bytes);
}

/** Resident memory of the services' processes together; undefined if one of them has no process here. */
async function residentBytes({ runtime }: Pick<Lab, 'runtime'>, names: readonly string[]) {
  const services = await runtime.services();
  let sum = 0;
  for (const name of names) {
    const pid = services.find((service) => service.name === name)?.pid ?? null;
    const bytes = pid === null ? undefined : residentIn(await readFile(`/proc/${pid}/status`, 'utf8'));
    if (bytes === undefined) return undefined;
    sum += bytes;
  }
  return sum;
}

/** `VmRSS` of `/proc/PID/status` in bytes (proc_pid_status(5)); undefined if the process has ended. */
export function residentIn(status: string): number | undefined {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}
