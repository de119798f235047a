import type Docker from 'dockerode';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { type DiskRoom, FULL_BELOW_BYTES, type Proof, proof } from '../runtime.ts';
import { LABELS, ofRun } from './labels.ts';
import { unframe } from './logs.ts';

/** A file of zeros that takes all the room there is. */
const BALLAST = 'cdc-lab-ballast';

/**
 * The size limit of the run's volumes, as it was given to `docker/disk-limit.yml`; null if they have none,
 * undefined if the run has no volumes yet.
 */
export async function diskLimit(docker: Docker, runId: string): Promise<string | null | undefined> {
  const { Volumes } = await docker.listVolumes({ filters: ofRun(runId) });
  if ((Volumes ?? []).length === 0) return undefined;
  // Only such a volume may ever be filled: any other shares the machine's own disk.
  const limited = (Volumes ?? []).find(({ Options }) => Options?.type === 'tmpfs');
  return /size=([^,]+)/.exec(limited?.Options?.o ?? '')?.[1] ?? null;
}

/** Room on a service's volume, as `df` in a container reports it. */
export async function roomOf(docker: Docker, runId: string, service: string): Promise<DiskRoom> {
  return look(await holderOf(docker, runId, service), service);
}

/** Fills the service's volume. @throws where room is left. */
export async function fillDisk(docker: Docker, runId: string, service: string): Promise<Proof> {
  const holder = await holderOf(docker, runId, service);
  const before = await look(holder, service);
  const { said } = await execute(holder, ['dd', 'if=/dev/zero', `of=${ballastOf(service)}`, 'bs=64K']);
  const after = await look(holder, service);
  if (after.freeBytes >= FULL_BELOW_BYTES) {
    throw new Error(`${after.freeBytes} bytes are left on the disk of ${service}: ${said}`);
  }
  return proof('disk filled', service, { ...change(before, after), said: said.split('\n')[0] ?? '' });
}

/** Undoes {@link fillDisk}. Where nothing was filled, its evidence says `removed: false`. */
export async function freeDisk(docker: Docker, runId: string, service: string): Promise<Proof> {
  const holder = await holderOf(docker, runId, service);
  const before = await look(holder, service);
  const removed = (await execute(holder, ['rm', '-v', '-f', ballastOf(service)])).said !== '';
  return proof('disk freed', service, { ...change(before, await look(holder, service)), removed });
}

function change(before: DiskRoom, after: DiskRoom): Record<string, unknown> {
  return { sizeBytes: after.sizeBytes, freeBefore: before.freeBytes, freeAfter: after.freeBytes };
}

const ballastOf = (service: string): string => `/disks/${service}/${BALLAST}`;

/**
 * The container that has the run's limited volumes mounted.
 * @throws LabError CDC-5212 if the service's volume has no size limit: such a volume is never filled.
 */
async function holderOf(docker: Docker, runId: string, service: string): Promise<Docker.Container> {
  const [listed] = await docker.listContainers({ filters: ofRun(runId, { [LABELS.holds]: 'disks' }) });
  const volume = listed?.Mounts.find(({ Destination }) => Destination === `/disks/${service}`)?.Name;
  const options = volume && (await docker.getVolume(volume).inspect()).Options;
  if (listed !== undefined && options && options.type === 'tmpfs') return docker.getContainer(listed.Id);
  throw new LabError('CDC-5212', `The disk of ${service} has no size limit, so the lab does not fill it.`, {
    remedy: 'Start a lab with `CDC_LAB_DISK_LIMIT=256m cdc-lab up --runtime docker`: docs/docker.md.',
  });
}

async function look(holder: Docker.Container, service: string): Promise<DiskRoom> {
  const { said } = await execute(holder, [
    'df',
    '--block-size=1',
    '--output=size,avail',
    `/disks/${service}`,
  ]);
  const [size, free] = said.split('\n').at(-1)?.trim().split(/\s+/) ?? [];
  return { sizeBytes: Number(size), freeBytes: Number(free) };
}

async function execute(container: Docker.Container, command: string[]): Promise<{ readonly said: string }> {
  const exec = await container.exec({ Cmd: command, AttachStdout: true, AttachStderr: true });
  const chunks: Buffer[] = [];
  for await (const chunk of await exec.start({})) chunks.push(Buffer.from(chunk));
  return { said: unframe(Buffer.concat(chunks)).trim() };
}
