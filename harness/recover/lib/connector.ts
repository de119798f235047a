/**
 * `harness/recover/lib`: what several recovery actions need.
 * In: the instance that an action works on, and its access.
 * Out: connectors by the names that people use, their states, offsets and slots, and requests as one types them.
 * Promises: nothing here changes anything; no password is in what it prints.
 */

import { LabError } from '../../../pipeline/contract/errors.ts';
import { didYouMean } from '../../../pipeline/contract/nearest.ts';
import type { WorkerRole } from '../../access/access.ts';
import { WorkerGroup } from '../../access/worker-group.ts';
import type { StatusAnswer } from '../../connect/answers.ts';
import { isIn, stateText, traceOf, type WantedState } from '../../connect/connect-client.ts';
import { UsageError } from '../../errors.ts';
import type { Instance } from '../../lab/lab.ts';
import type { RecoveryContext } from '../../plugins/recovery.ts';
import { shellWord } from '../../terminal/shell-word.ts';
import { poll } from '../../wait.ts';

/** One of the pipeline's two connectors. */
export interface Connector {
  readonly role: WorkerRole;
  /** As Connect knows it. */
  readonly name: string;
  /** Base URL of its worker, or of the first one. */
  readonly url: string;
  readonly workers: WorkerGroup;
}

/**
 * The connector of that name: `capture`, `sink`, or as Connect knows it.
 * @throws UsageError that lists the names, if it is none.
 */
export function connectorOf(instance: Instance, given: string): Connector {
  const { connectors, captureUrl, sinkWorkerUrl } = instance;
  const isCapture = given === 'capture' || given === connectors.source;
  const role = isCapture ? 'capture' : given === 'sink' || given === connectors.sink ? 'sink' : null;
  if (role === null) {
    const known = ['capture', 'sink', connectors.source, connectors.sink];
    const message = `there is no connector "${given}".${didYouMean(given, known)}`;
    throw new UsageError(message, `known: ${known.join(', ')}`);
  }
  return {
    role,
    name: role === 'capture' ? connectors.source : connectors.sink,
    url: role === 'capture' ? captureUrl : sinkWorkerUrl,
    workers: new WorkerGroup(instance, role),
  };
}

/** A request to the connector, as one types it. */
export function curl({ name, url }: Connector, method: string, path: string, body?: unknown): string {
  const data =
    body === undefined ? '' : ` -H 'content-type: application/json' -d ${shellWord(JSON.stringify(body))}`;
  const address = `${url.replace(/\/+$/, '')}/connectors/${encodeURIComponent(name)}${path}`;
  return `curl -X ${method} ${shellWord(address)}${data}`;
}

/** A failure may be reported for a moment after a restart. */
const FAILED_GRACE_MS = 3_000;
/** Connect may report the former state for a moment, and a task may fail at once. */
const STEADY_MS = 1_000;

interface Seen {
  seen: string;
  trace: string | null;
  failedSince: number | null;
  thereSince: number | null;
}

/**
 * Waits until the connector and all its tasks are in that state; for RUNNING, until they have been for a second.
 * @throws LabError CDC-5501 with the trace's first line if it fails instead, or at the deadline.
 */
export async function untilState(
  { name, workers }: Connector,
  wanted: WantedState,
  { signal, withinMs }: Pick<RecoveryContext, 'signal' | 'withinMs'>,
): Promise<StatusAnswer> {
  const last: Seen = { seen: 'unknown', trace: null, failedSince: null, thereSince: null };
  const look = async (): Promise<StatusAnswer | 'failed' | undefined> => {
    const status = await workers.status();
    const now = performance.now();
    last.thereSince = isIn(status, wanted) ? (last.thereSince ?? now) : null;
    if (last.thereSince !== null && (wanted !== 'RUNNING' || now - last.thereSince > STEADY_MS))
      return status;
    last.seen = stateText(status);
    last.trace = traceOf(status);
    last.failedSince = last.trace === null ? null : (last.failedSince ?? now);
    return last.failedSince !== null && now - last.failedSince > FAILED_GRACE_MS ? 'failed' : undefined;
  };
  const found = await poll(look, { withinMs, everyMs: 100, maxEveryMs: 500, signal });
  if (found !== undefined && found !== 'failed') return found;
  const why = last.trace === null ? '' : `: ${last.trace.split('\n', 1)[0]}`;
  throw new LabError('CDC-5501', `${name} should be ${wanted}, and is ${last.seen}${why}`, {
    remedy: 'cdc-lab connectors prints the whole trace; mend what it says and run the command again',
  });
}

/** `RUNNING, task 0 RUNNING`. */
export async function stateOf({ workers }: Connector): Promise<string> {
  return stateText(await workers.status());
}

/** @throws UsageError unless the connector is stopped, with all of its tasks. */
export async function mustBeStopped(connector: Connector, what: string): Promise<void> {
  const status = await connector.workers.status();
  if (isIn(status, 'STOPPED')) return;
  throw new UsageError(
    `${what} is refused while ${connector.name} is not stopped: it is ${stateText(status)}.`,
    `stop it first: cdc-lab connectors stop ${connector.role}`,
  );
}
