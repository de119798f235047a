/**
 * `harness/undo`: the durable record of what has to be healed.
 * In: each fault, before it is injected, and again when it is healed.
 * Out: the faults that are not healed yet, the latest first; `replayUndo` heals them.
 * Promises: a fault is on disk before it takes effect, so that a killed run can be healed by the next command.
 */

import path from 'node:path';
import { z } from 'zod';
import { appendDurably, readLines } from './durable-lines.ts';

const pendingSchema = z.object({
  t: z.literal('pending'),
  id: z.string(),
  at: z.string(),
  instance: z.string(),
  fault: z.string(),
  params: z.record(z.string(), z.unknown()),
});
const lineSchema = z.discriminatedUnion('t', [
  pendingSchema,
  z.object({ t: z.literal('done'), id: z.string(), at: z.string() }),
]);
export type PendingUndo = z.infer<typeof pendingSchema>;

/**
 * `LAB/undo.ndjson`: one line for each fault, written before it is injected, and one when it is healed. After a
 * killed run the next command heals what is pending.
 */
export class UndoLog {
  readonly file: string;

  constructor(labDir: string) {
    this.file = path.join(labDir, 'undo.ndjson');
  }

  /** Records a fault that is about to be injected. Returns when the line is on disk. */
  pending(undo: Omit<PendingUndo, 't' | 'at'>): void {
    this.#append({ t: 'pending', at: new Date().toISOString(), ...undo });
  }

  /** Records that the fault is healed. Idempotent. */
  done(id: string): void {
    this.#append({ t: 'done', id, at: new Date().toISOString() });
  }

  /** Faults that nobody has healed, the latest first: the order to undo them in. */
  outstanding(): PendingUndo[] {
    const pending = new Map<string, PendingUndo>();
    // A line that a kill cut off is left out: its fault had not been injected yet.
    for (const line of readLines(this.file, lineSchema)) {
      if (line.t === 'pending') pending.set(line.id, line);
      else pending.delete(line.id);
    }
    return [...pending.values()].reverse();
  }

  #append(line: z.infer<typeof lineSchema>): void {
    appendDurably(this.file, line);
  }
}
