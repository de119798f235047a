/**
 * `harness/lab/instance`: one pipeline on a lab's servers, in whichever runtime.
 * In: an instance's record and the servers' ports.
 * Out: its plan (names, addresses, paths), databases, topics, connectors, processes to start.
 * Promises: every name and address follows from the record, so what was half made can be found and dropped;
 * dropping is idempotent.
 */

import { join } from 'node:path';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { type EnginePair, OWN_ENGINES } from '../engines.ts';
import { type Instance, PRIVATE_SERVERS } from '../lab.ts';
import type { InstanceRecord } from '../state/run-file.ts';
import { bootstrapServersOf, type Servers } from './brokers.ts';

/**
 * Every name, address and path of an instance. All of it follows from the instance's record and the servers' ports.
 */
export interface InstancePlan
  extends Omit<Instance, 'startWorkload' | 'pipeline' | typeof Symbol.asyncDispose> {
  /** Its name on both servers. */
  readonly database: string;
  readonly offsetsTopic: string;
  readonly ports: InstanceRecord['ports'] & { readonly pgSource: number; readonly pgSink: number };
}

/** PostgreSQL truncates identifiers to 63 bytes, and a slot's name has the prefix `cdc_`. */
const LONGEST_NAME = 48;

/** `sink-2@NAME` is the second worker of the sink. */
function moreSinksOf(name: string, ports: readonly number[]): Pick<Instance, 'moreSinks'> {
  if (ports.length === 0) return {};
  const workers = ports.map((port, index) => ({
    service: `sink-${index + 2}@${name}`,
    url: `http://127.0.0.1:${port}`,
  }));
  return { moreSinks: workers };
}

function privateServersOf(ports: InstanceRecord['ports']): Pick<Instance, 'privateServers'> {
  const { pgSource, pgSink, kafka } = ports;
  const port = { 'pg-source': pgSource, 'pg-sink': pgSink, kafka };
  const privateServers = PRIVATE_SERVERS.filter((server) => port[server] !== undefined);
  return privateServers.length === 0 ? {} : { privateServers };
}

/** @throws LabError CDC-5121 for a name that databases, slot and topics cannot have. */
export function checkInstanceName(name: string): void {
  if (/^[a-z0-9](-?[a-z0-9])*$/.test(name) && name.length <= LONGEST_NAME) return;
  throw new LabError('CDC-5121', `'${name}' cannot be the name of an instance.`, {
    remedy: `Use lower-case letters and digits, with single dashes between them, at most ${LONGEST_NAME} characters.`,
  });
}

/** Name of the Connect cluster that hosts one half of the pipeline. */
export function clusterOf(plan: Pick<InstancePlan, 'name'>, role: 'capture' | 'sink'): string {
  return `${plan.name}-${role}`;
}

export function planInstance(
  stateDir: string,
  servers: Servers,
  name: string,
  own: InstanceRecord['ports'],
  engines: EnginePair = OWN_ENGINES,
): InstancePlan {
  checkInstanceName(name);
  const dir = join(stateDir, 'instances', name);
  const identifier = name.replaceAll('-', '_');
  const { pgSource = servers.ports.pgSource, pgSink = servers.ports.pgSink, kafka } = own;
  const source = `${name}-source`;
  const sink = `${name}-sink`;
  return {
    name,
    dir,
    database: identifier,
    sourceUrl: `postgres://postgres@127.0.0.1:${pgSource}/${identifier}`,
    sinkUrl: `postgres://postgres@127.0.0.1:${pgSink}/${identifier}`,
    bootstrapServers: kafka === undefined ? bootstrapServersOf(servers) : [`127.0.0.1:${kafka.client}`],
    ...privateServersOf(own),
    topicPrefix: name,
    slot: `cdc_${identifier}`,
    publication: `cdc_${identifier}`,
    // As Kafka Connect names the group of a sink connector.
    consumerGroup: `connect-${sink}`,
    offsetsTopic: `connect-offsets-${name}`,
    engines,
    connectors: { source, sink },
    services: { capture: `capture@${name}`, sink: `sink@${name}`, verifier: `verifier@${name}` },
    captureUrl: `http://127.0.0.1:${own.capture}`,
    sinkWorkerUrl: `http://127.0.0.1:${own.sink}`,
    ...moreSinksOf(name, own.moreSinks ?? []),
    verifierUrl: `http://127.0.0.1:${own.verifier}`,
    ledgerPath: join(dir, 'ledger.ndjson'),
    ports: { ...own, pgSource, pgSink },
  };
}
