import { LabError } from '../../../pipeline/contract/errors.ts';
import type { UpOptions } from '../lab.ts';
import { freePorts } from '../services/ports.ts';
import type { Run } from '../state/run-file.ts';
import type { ClusterMember, KafkaPorts } from './kafka-properties.ts';
import { kafkaUuid } from './kafka-properties.ts';

/** What a lab records of its servers. */
export type Servers = Pick<Run, 'ports' | 'cluster'>;

/** Free ports for a lab's servers, chosen at once so that none is taken twice. */
export async function choosePorts(brokers = 1): Promise<Servers> {
  const [pgSource = 0, pgSink = 0, ...ofBrokers] = await freePorts(2 + 4 * brokers);
  const [first, ...more] = Array.from({ length: brokers }, (_, index): KafkaPorts => {
    const [client = 0, link = 0, linkAdvertised = 0, controller = 0] = ofBrokers.slice(4 * index);
    return { client, link, linkAdvertised, controller };
  });
  if (first === undefined) throw new RangeError('a lab has at least one broker');
  const ports = {
    ...{ pgSource, pgSink, kafkaClient: first.client, kafkaLink: first.link },
    ...{ kafkaLinkAdvertised: first.linkAdvertised, kafkaController: first.controller },
  };
  return { ports, ...(more.length === 0 ? {} : { cluster: { id: kafkaUuid(), more } }) };
}

/** A broker of the lab: `kafka` is the first, `kafka-2` the second. */
export interface Broker {
  readonly name: string;
  readonly nodeId: number;
  readonly ports: KafkaPorts;
}

export function brokersOf({ ports, cluster }: Servers): readonly [Broker, ...Broker[]] {
  const { kafkaClient: client, kafkaLink: link, kafkaController: controller } = ports;
  const first = { client, link, linkAdvertised: ports.kafkaLinkAdvertised, controller };
  const more = (cluster?.more ?? []).map((own, index) => ({
    name: `kafka-${index + 2}`,
    nodeId: index + 2,
    ports: own,
  }));
  return [{ name: 'kafka', nodeId: 1, ports: first }, ...more];
}

/** Names of the services that every instance shares. */
export function serverNames(servers: Servers): string[] {
  return ['pg-source', 'pg-sink', ...brokersOf(servers).map(({ name }) => name)];
}

/** Addresses of all brokers, for every client in the lab. */
export function bootstrapServersOf(servers: Servers): string[] {
  return brokersOf(servers).map(({ ports }) => `127.0.0.1:${ports.client}`);
}

/** A broker's place among several; empty if it is the only one. */
export function memberOf(servers: Servers, { nodeId }: Broker): { member?: ClusterMember } {
  if (servers.cluster === undefined) return {};
  const controllerPorts = brokersOf(servers).map(({ ports }) => ports.controller);
  return { member: { nodeId, clusterId: servers.cluster.id, controllerPorts } };
}

/** @throws LabError CDC-5147 if the lab in a folder does not have as many brokers as are asked for. */
export function refuseOtherBrokers(servers: Servers, asked: number | undefined, stateDir: string): void {
  const there = brokersOf(servers).length;
  if (asked === undefined || asked === there) return;
  throw new LabError('CDC-5147', `The lab in ${stateDir} has ${brokersText(there)}, not ${asked}.`, {
    remedy:
      'The number of brokers is fixed: run `cdc-lab clean`, then `cdc-lab up` with the number you want.',
  });
}

/** @throws LabError CDC-5211 if a runtime that starts no cluster is asked for several brokers or sinks. */
export function refuseCluster(
  { brokers = 1, sinkWorkers = 1 }: Pick<UpOptions, 'brokers' | 'sinkWorkers'>,
  runtime: string,
): void {
  if (brokers === 1 && sinkWorkers === 1) return;
  const what = brokers === 1 ? `${sinkWorkers} sink workers` : brokersText(brokers);
  throw new LabError('CDC-5211', `Not run: the ${runtime} runtime does not start ${what}.`, {
    remedy: `Leave out --runtime ${runtime}: the process runtime starts a cluster.`,
  });
}

function brokersText(n: number): string {
  return n === 1 ? 'one broker' : `${n} brokers`;
}
