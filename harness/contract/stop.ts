import { messageOf } from '../../pipeline/contract/errors.ts';
import { type Finding, finding, type Hop } from '../../verifier/report.ts';
import { durationText } from '../../verifier/units.ts';
import type { Access, WorkerRole } from '../access/access.ts';
import type { StatusAnswer } from '../connect/answers.ts';
import type { StopSeen } from '../plugins/ends.ts';
import { poll } from '../wait.ts';

export interface StopWait {
  readonly connector: WorkerRole;
  readonly withinMs: number;
  readonly signal: AbortSignal;
  readonly now?: () => number;
}

const NO_ANSWER = 'no answer';
const EVERY_MS = 100;

/** A stop that comes too late is told from one that never comes: the wait goes on for this long after its bound. */
function lateMs(withinMs: number): number {
  return Math.min(5_000, Math.max(500, withinMs / 4));
}

/**
 * Waits until a connector has stopped with an error, as its REST API says, and for a while past the bound. One that does
 * not stop is an answer, too: {@link stopFindings} says what it means.
 *
 * @throws the signal's reason when it is aborted.
 */
export async function untilStopped(
  access: Pick<Access, 'connectorStatus'>,
  { connector, withinMs, signal, now = () => performance.now() }: StopWait,
): Promise<StopSeen> {
  const start = now();
  let state = NO_ANSWER;
  const failed = await poll(
    async () => {
      const status = await access.connectorStatus(connector).catch((error: unknown) => {
        signal.throwIfAborted();
        return messageOf(error);
      });
      state = typeof status === 'string' ? NO_ANSWER : stateText(status);
      return typeof status === 'string' ? undefined : failureIn(status);
    },
    { withinMs: withinMs + lateMs(withinMs), everyMs: EVERY_MS, signal, now },
  );
  const afterMs = Math.round(now() - start);
  const trace = failed?.trace ?? null;
  const code = trace === null ? null : (/\bCDC-\d{4}\b/.exec(trace)?.[0] ?? null);
  return { connector, stopped: failed !== undefined, afterMs, withinMs, state, code, trace };
}

/** What has failed of a connector, with its trace; undefined: nothing. */
export function failureIn({ connector, tasks }: StatusAnswer): { readonly trace: string | null } | undefined {
  const failed = [connector, ...tasks].filter(({ state }) => state === 'FAILED');
  if (failed.length === 0) return undefined;
  return { trace: failed.find(({ trace }) => trace !== undefined)?.trace ?? null };
}

export function stateText({ connector, tasks }: StatusAnswer): string {
  return [connector.state, ...tasks.map(({ id, state }) => `task ${id} ${state}`)].join(', ');
}

/** The hop that a connector is responsible for. */
export function hopOf(connector: WorkerRole): Hop {
  return connector === 'capture' ? 'capture' : 'sink';
}

/**
 * A connector that had to stop and did not is `silent` if it says that it runs, which nobody would take for a fault. A
 * worker that does not answer has died, or hangs: it has failed, without an error. Else the connector is `stalled`. How late
 * a stop may come, the clause `stops-within` and the expectation's `stop` say.
 */
export function stopFindings(seen: StopSeen): Finding[] {
  const { connector, stopped, state, withinMs } = seen;
  if (stopped) return [];
  const due = `the ${connector} had to stop with an error within ${durationText(withinMs)}`;
  if (state === NO_ANSWER) return [deadWorker(connector, due)];
  const runs = state.startsWith('RUNNING');
  const detail = `${due}; then it was ${runs ? `still ${state}` : state}`;
  const about = { check: 'contract', verdict: 'FAIL', hop: hopOf(connector), detail } as const;
  return [finding({ ...about, class: runs ? 'silent' : 'stalled' })];
}

/** A worker that does not answer. @param due What was expected of it, as a clause. */
export function deadWorker(connector: WorkerRole, due: string): Finding {
  const detail = `${due}; its worker does not answer: it has died, or hangs`;
  const about = { check: 'contract', verdict: 'FAIL', hop: hopOf(connector), detail } as const;
  return finding({ ...about, class: 'connector-failed' });
}

/** What was seen of a stop, as evidence: the code or the trace's first line, and the time it took. */
export function stopEvidence({ connector, stopped, afterMs, withinMs, state, code, trace }: StopSeen) {
  const said = trace?.split('\n')[0] ?? null;
  return { connector, stopped, afterMs, withinMs, state, code, said };
}
