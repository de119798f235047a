import { expect, test } from 'vitest';
import { explain as explainSource, finalError } from '../capture/failure.ts';
import { explain as explainSink } from '../sink/apply/db-errors.ts';
import { traceOf } from './log.ts';

const CANARY = 'canary@example.org';

/** An error as `pg` makes it from PostgreSQL's answer. */
const refusal = (code: string) =>
  Object.assign(
    new Error(code.startsWith('22') ? `invalid input syntax for type integer: "${CANARY}"` : 'no'),
    {
      ...{ severity: 'ERROR', code, hint: 'Look.', detail: `Failing row contains (1, ${CANARY}).` },
      ...{ where: `unnamed portal parameter $1 = '${CANARY}'`, internalQuery: `SELECT '${CANARY}'` },
    },
  );

test.each(['22P02', '23505', '44000', 'P0001'])(
  'a trace of %s has PostgreSQL’s hint, and no value of a row',
  (code) => {
    const traces = [finalError(explainSource(refusal(code), 'reader'), 1), explainSink(refusal(code))].map(
      traceOf,
    );
    for (const trace of traces) {
      expect(trace).toContain('Look.');
      expect(trace).not.toContain(CANARY);
    }
  },
);
