import { z } from 'zod';
import { defineStep } from '../plugins/step.ts';
import { poll } from '../wait.ts';

const health = z.object({ components: z.array(z.object({ component: z.string(), detail: z.string() })) });

export default defineStep({
  description: 'wait until the health of a connector names what it waits for; one that does not is stalled',
  params: z.strictObject({
    connector: z.enum(['capture', 'sink']),
    /** A regular expression on the detail of a component of `/health`. */
    says: z.string().min(1),
    /** The bound of the contract. */
    withinMs: z.number().int().positive(),
  }),
  example: { connector: 'capture', says: 'waits for pid [0-9]+', withinMs: 5_000 },
  touches: ['instance'],

  async run({ instance, keepUnsaid, record, note, signal }, { connector, says, withinMs }) {
    const url = `${connector === 'capture' ? instance.captureUrl : instance.sinkWorkerUrl}/health`;
    const start = performance.now();
    let last: string[] = [];
    const named = await poll(
      async () => {
        const answer = await healthOf(url, signal);
        last = answer?.components.map(({ component, detail }) => `${component}: ${detail}`) ?? [];
        return last.find((detail) => new RegExp(says).test(detail));
      },
      { withinMs, everyMs: 100, signal },
    );
    const afterMs = Math.round(performance.now() - start);
    if (named === undefined) keepUnsaid({ connector, afterMs, last });
    const seen = named === undefined ? { said: null, last, afterMs } : { said: named, afterMs };
    record('named', seen);
    note(
      named === undefined ? `the ${connector} does not say what it waits for` : `the ${connector} says`,
      seen,
    );
  },
});

/** Also the answer 503 lists the components; undefined: the worker does not answer now. */
async function healthOf(url: string, signal: AbortSignal) {
  try {
    const response = await fetch(url, { signal });
    return health.safeParse(await response.json()).data;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
