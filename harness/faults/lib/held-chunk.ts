import { CRASH_POINTS } from '../../../pipeline/contract/crash-points.ts';
import type { Access, CrashPointState } from '../../access/access.ts';
import type { Healed } from '../../plugins/fault.ts';

/** Where a chunk of a snapshot is held that is read and not yet published. */
export const POINT = CRASH_POINTS.midSnapshotChunk;

/** Undefined: none is held. */
export async function heldChunk(
  access: Pick<Access, 'crashPoints'>,
): Promise<CrashPointState['waiting'][number] | undefined> {
  return (await access.crashPoints('capture')).waiting.find(({ name }) => name === POINT);
}

export async function releaseChunk(
  access: Pick<Access, 'crashPoints' | 'releaseCrashPoint'>,
): Promise<Healed> {
  const held = (await heldChunk(access)) !== undefined;
  await access.releaseCrashPoint('capture', POINT);
  return { said: held ? 'released the chunk' : 'no chunk was held', evidence: { held } };
}
