import path from 'node:path';
import { z } from 'zod';
import { appendDurably, readLines } from './durable-lines.ts';

const begunSchema = z.object({
  t: z.literal('begun'),
  id: z.string(),
  at: z.string(),
  instance: z.string(),
  action: z.string(),
  /** As a person types it, without the options that lead to the lab. */
  command: z.string(),
});
const lineSchema = z.discriminatedUnion('t', [
  begunSchema,
  z.object({ t: z.literal('done'), id: z.string(), at: z.string() }),
]);
export type BegunRecovery = z.infer<typeof begunSchema>;

/**
 * `LAB/recoveries.ndjson`: one line for each recovery action before it changes anything, and one when it is done. What
 * was interrupted is never rolled back: `heal` prints the command that finishes it.
 */
export class RecoveryLog {
  readonly file: string;

  constructor(labDir: string) {
    this.file = path.join(labDir, 'recoveries.ndjson');
  }

  /** Records an action that is about to change something. Returns when the line is on disk. */
  begin(recovery: Omit<BegunRecovery, 't' | 'at'>): void {
    appendDurably(this.file, { t: 'begun', at: new Date().toISOString(), ...recovery });
  }

  /** Records that this attempt is over: it changed nothing, left nothing half done, or its pipeline is gone. */
  end(id: string): void {
    appendDurably(this.file, { t: 'done', id, at: new Date().toISOString() });
  }

  /** Records that the action succeeded: then earlier attempts at the same command on the same pipeline are over too. */
  succeed(id: string): void {
    const open = this.unfinished();
    const mine = open.find((one) => one.id === id);
    const same = open.filter(
      ({ command, instance }) => command === mine?.command && instance === mine.instance,
    );
    for (const one of same) this.end(one.id);
  }

  /** Actions that were interrupted or have failed, the oldest first. */
  unfinished(): BegunRecovery[] {
    const begun = new Map<string, BegunRecovery>();
    for (const line of readLines(this.file, lineSchema)) {
      if (line.t === 'begun') begun.set(line.id, line);
      else begun.delete(line.id);
    }
    return [...begun.values()];
  }
}

/** The commands that finish what was interrupted, each once. A pipeline that is gone needs no recovery. */
export async function commandsToFinish(
  labDir: string,
  isThere: (instance: string) => Promise<boolean>,
): Promise<string[]> {
  const log = new RecoveryLog(labDir);
  const commands = new Set<string>();
  for (const { id, instance, command } of log.unfinished()) {
    if (await isThere(instance)) commands.add(command);
    else log.end(id);
  }
  return [...commands];
}
