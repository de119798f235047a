import { z } from 'zod';
import { CRASH_POINTS } from '../../pipeline/contract/crash-points.ts';
import { defineFault } from '../plugins/fault.ts';
import { until } from '../wait.ts';

/** A failed task will not run again: the verifier says what that means. */
const isResumed = (state: string): boolean => state === 'RUNNING' || state === 'FAILED';

/**
 * Pauses a connector through the Connect REST API, as an operator would. With `at`, the pause comes while the task
 * waits at that crash point: at `sink.after-fetch` it has fetched records and applied none of them, which is the
 * moment at which a careless pause loses them.
 */
export default defineFault({
  description: 'pause a connector through the REST API, optionally at a crash point',
  params: z.strictObject({
    connector: z.enum(['capture', 'sink']),
    at: z.enum(CRASH_POINTS).optional(),
  }),
  example: { connector: 'sink' },
  needs: [],
  touches: ['instance'],

  async observe({ access }, { connector }) {
    const status = await access.connectorStatus(connector);
    return { state: status.connector.state, lag: (await access.lag()).events };
  },

  async inject({ access, signal, withinMs }, { connector, at }) {
    if (at !== undefined) {
      await access.armCrashPoint(connector, at, 0);
      await until(
        async () => (await access.crashPoints(connector)).waiting.some((point) => point.name === at),
        {
          what: `${connector} to reach ${at}`,
          withinMs,
          everyMs: 25,
          signal,
        },
      );
    }
    await access.pauseConnector(connector);
    if (at !== undefined) await access.releaseCrashPoint(connector, at);
    return { asked: 'PUT /connectors/NAME/pause', ...(at === undefined ? {} : { waitedAt: at }) };
  },

  async prove({ access, signal, withinMs }, { connector }, before) {
    if (before.state !== 'RUNNING') return undefined;
    const paused = async () => {
      const status = await access.connectorStatus(connector);
      const states = [status.connector.state, ...status.tasks.map((task) => task.state)];
      return states.every((state) => state === 'PAUSED') ? { states } : undefined;
    };
    return until(paused, { what: `connector ${connector} to be PAUSED`, withinMs, signal }).catch((error) => {
      signal.throwIfAborted();
      if (error instanceof Error && error.name === 'DeadlineError') return undefined;
      throw error;
    });
  },

  async heal({ access, signal, withinMs }, { connector, at }) {
    if (at !== undefined) await access.releaseCrashPoint(connector, at);
    const before = (await access.connectorStatus(connector)).connector.state;
    // Resume in any case: Connect answers 202 to a pause that it has not carried out yet, and the resume comes after it.
    await access.resumeConnector(connector);
    const states = await until(
      async () => {
        const { connector: own, tasks } = await access.connectorStatus(connector);
        const seen = [own.state, ...tasks.map((task) => task.state)];
        return seen.every(isResumed) ? seen : undefined;
      },
      { what: `connector ${connector} to be RUNNING`, withinMs, signal },
    );
    const said = before === 'PAUSED' ? '' : `, which said it was ${before}`;
    return { said: `resumed connector ${connector}${said}`, evidence: { before, states } };
  },
});
