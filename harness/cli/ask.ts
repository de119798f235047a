import { createInterface } from 'node:readline/promises';
import { Interrupted } from '../errors.ts';

export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** Reads keys, as from a person; left out: if `output` is a terminal. */
  readonly terminal?: boolean;
}

/**
 * Asks the person at the terminal. @returns the line that was typed.
 * @throws Interrupted on Ctrl-C and Ctrl-D, which readline reads as keys: no signal reaches the process.
 */
export async function askAt(terminal: Terminal, question: string, signal: AbortSignal): Promise<string> {
  const reader = createInterface(terminal);
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  reader.once('SIGINT', () => reject(new Interrupted('Ctrl-C')));
  reader.once('close', () => reject(new Interrupted('Ctrl-D')));
  try {
    return await Promise.race([reader.question(question, { signal }), interrupted]);
  } finally {
    reader.close();
  }
}
