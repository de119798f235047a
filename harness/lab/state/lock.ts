import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { tryExclusive } from './exclusive.ts';
import { commandLineOf, identify, isAlive } from './process-table.ts';
import { folderIdentity } from './run-file.ts';

const holderSchema = z.object({
  pid: z.number(),
  startTicks: z.string(),
  bootId: z.string(),
  command: z.string(),
  since: z.string(),
});
type Holder = z.infer<typeof holderSchema>;

/** How many times this process holds the lab in each folder: a command that holds it may call another that needs it. The
 * only module state of the lab: the lock belongs to the process, not to a caller. */
const held = new Map<string, { count: number; release: () => Promise<void> }>();

/**
 * Acquires the right to change the lab in a folder, which one process has at a time. It ends with the process,
 * however that ends.
 *
 * @param stateDir As `claimStateDir` returns it.
 * @throws LabError CDC-5112, at once, with the name of the holder.
 */
export async function holdLab(stateDir: string): Promise<AsyncDisposable> {
  const mine = held.get(stateDir);
  if (mine !== undefined) mine.count++;
  else held.set(stateDir, { count: 1, release: await acquire(stateDir) });
  return { [Symbol.asyncDispose]: () => letGo(stateDir) };
}

async function acquire(stateDir: string): Promise<() => Promise<void>> {
  const file = join(stateDir, 'holder.json');
  const release = await tryExclusive(`lab/${folderIdentity(stateDir)}`);
  if (release === undefined) throw occupied(stateDir, readHolder(file));
  // A process in another network namespace cannot see our socket, but it leaves its name in the same folder.
  const other = readHolder(file);
  if (other !== undefined && other.pid !== process.pid && isAlive(other)) {
    await release();
    throw occupied(stateDir, other);
  }
  const identity = identify(process.pid);
  if (identity === undefined) throw new Error('this process is not in /proc');
  const holder: Holder = {
    ...identity,
    command: commandLineOf(process.pid),
    since: new Date().toISOString(),
  };
  writeFileSync(file, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  return async () => {
    // The holder may have removed the folder.
    rmSync(file, { force: true });
    await release();
  };
}

async function letGo(stateDir: string): Promise<void> {
  const mine = held.get(stateDir);
  if (mine === undefined) return;
  mine.count--;
  if (mine.count > 0) return;
  held.delete(stateDir);
  await mine.release();
}

/** Undefined if the lock is free, or its holder has not written its name yet. */
function readHolder(file: string): Holder | undefined {
  try {
    return holderSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (missing || error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}

function occupied(stateDir: string, holder: Holder | undefined): LabError {
  const who =
    holder === undefined
      ? 'another process'
      : `pid ${holder.pid} (\`${holder.command}\`) since ${holder.since}`;
  return new LabError('CDC-5112', `The lab in ${stateDir} is in use by ${who}.`, {
    remedy: 'Wait until it is done, stop it with Ctrl-C, or use another folder with --dir.',
  });
}
