/**
 * `harness/undo`: the durable record of what has to be healed.
 * In: each fault, before it is injected, and again when it is healed.
 * Out: the faults that are not healed yet, the latest first; `replayUndo` heals them.
 * Promises: a fault is on disk before it takes effect, so that a killed run can be healed by the next command.
 */

import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

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
    if (!existsSync(this.file)) return [];
    const pending = new Map<string, PendingUndo>();
    for (const text of readFileSync(this.file, 'utf8').split('\n')) {
      const line = parseLine(text);
      if (line?.t === 'pending') pending.set(line.id, line);
      if (line?.t === 'done') pending.delete(line.id);
    }
    return [...pending.values()].reverse();
  }

  #append(line: z.infer<typeof lineSchema>): void {
    mkdirSync(path.dirname(this.file), { recursive: true });
    // The leading newline ends a line that a kill cut off, which would otherwise swallow this one.
    const file = openSync(this.file, 'a', 0o600);
    try {
      writeSync(file, `\n${JSON.stringify(line)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}

/** Undefined for a line that a kill cut off: its fault had not been injected yet. */
function parseLine(text: string): z.infer<typeof lineSchema> | undefined {
  if (text === '') return undefined;
  try {
    return lineSchema.parse(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof z.ZodError) return undefined;
    throw error;
  }
}
