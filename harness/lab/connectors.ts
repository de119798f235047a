import { loadConnector } from '../../fixtures/connectors/load.ts';
import type { ConnectorStatus } from '../../pipeline/contract/connector.ts';
import { LabError } from '../../pipeline/contract/errors.ts';
import { waitUntil } from '../runtimes/wait.ts';
import type { InstanceSpec } from './instance.ts';
import type { InstancePlan } from './instance-plan.ts';

const REQUEST_TIMEOUT_MS = 20_000;
const RUNNING_TIMEOUT_MS = 30_000;

/** Registers one of the instance's connectors and waits until its task runs. */
export async function startConnector(
  plan: InstancePlan,
  spec: InstanceSpec,
  role: 'source' | 'sink',
  signal?: AbortSignal,
): Promise<void> {
  const values = {
    instance: plan.name,
    sourceHost: '127.0.0.1',
    sourcePort: plan.ports.pgSource,
    sourceDatabase: plan.database,
    sinkHost: '127.0.0.1',
    sinkPort: plan.ports.pgSink,
    sinkDatabase: plan.database,
    prefix: plan.topicPrefix,
    slot: plan.slot,
    publication: plan.publication,
  };
  const { file, overrides } = spec[role];
  const connector = await loadConnector(file, values, overrides);
  const url = `${role === 'source' ? plan.captureUrl : plan.sinkWorkerUrl}/connectors/${connector.name}`;
  const response = await fetch(`${url}/config`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(connector.config),
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const answer = await response.text();
  if (!response.ok) {
    throw new LabError('CDC-5123', `The worker refused ${connector.name} (${response.status}): ${answer}`, {
      remedy: `Correct fixtures/connectors/${file}.json.`,
    });
  }
  await waitRunning(url, connector.name, signal);
}

async function waitRunning(url: string, name: string, signal?: AbortSignal): Promise<void> {
  let last = 'no status yet';
  const running = await waitUntil(
    async () => {
      const response = await fetch(`${url}/status`, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
      if (!response.ok) return undefined;
      const status = (await response.json()) as ConnectorStatus;
      const failed = [status.connector, ...status.tasks].find((part) => part.state === 'FAILED');
      if (failed !== undefined) {
        throw new LabError('CDC-5124', `${name} failed to start: ${failed.trace ?? 'without a trace'}`, {
          remedy: 'Read the log of its worker.',
        });
      }
      last = [status.connector, ...status.tasks].map((part) => part.state).join(', ');
      const states = status.tasks.map((task) => task.state);
      return states.length > 0 && states.every((state) => state === 'RUNNING') ? true : undefined;
    },
    { timeoutMs: RUNNING_TIMEOUT_MS, pauseMs: 20, signal },
  );
  if (running === undefined) {
    throw new LabError('CDC-5125', `${name} did not run within ${RUNNING_TIMEOUT_MS} ms (${last}).`, {
      remedy: 'Read the log of its worker.',
    });
  }
}
