import { readFileSync } from 'node:fs';
import type { SinkEngine, SourceEngine } from '../../harness/lab/engines.ts';
import type { InstanceSpec, Lab } from '../../harness/lab/lab.ts';
import { type Figure, median } from '../lib/bench.ts';

/** Connect workers as one gives them to a benchmark: C2, a larger heap. */
const connect = { jvm: 'throughput' } as const;

/** JSON without schemas, compressed: alike for both engines. */
const PLAIN = {
  'key.converter.schemas.enable': 'false',
  'value.converter.schemas.enable': 'false',
  'producer.override.compression.type': 'lz4',
};

/** The best that Debezium's documentation and its users know for throughput. */
const DEBEZIUM_TUNED = {
  'max.batch.size': '8192',
  'max.queue.size': '65536',
  'snapshot.fetch.size': '10240',
  'producer.override.linger.ms': '5',
  'producer.override.batch.size': '524288',
};

/** UNNEST instead of a statement a row, and one row a key in each batch. */
const JDBC_TUNED = {
  'batch.size': '3000',
  'use.reduction.buffer': 'true',
  'dialect.postgres.unnest.insert.enabled': 'true',
  'consumer.override.max.poll.records': '3000',
};

/** A capture to be measured; the sink behind it is stopped. */
export function captureSpec(
  source: SourceEngine,
): Pick<InstanceSpec, 'source' | 'sink' | 'engines' | 'connect'> {
  const overrides = source === 'debezium' ? { ...PLAIN, ...DEBEZIUM_TUNED } : PLAIN;
  return {
    source: { file: 'source', overrides },
    sink: { file: 'sink' },
    engines: { source, sink: 'ts' },
    connect,
  };
}

/** A sink to be measured, behind our capture: the topic is there before. The JDBC sink needs schemas. */
export function sinkSpec(sink: SinkEngine): Pick<InstanceSpec, 'source' | 'sink' | 'engines' | 'connect'> {
  return {
    source: { file: 'source' },
    sink: { file: 'sink', overrides: sink === 'jdbc' ? JDBC_TUNED : {} },
    engines: { source: 'ts', sink },
    connect,
  };
}

/** Both halves, tuned for latency: as little waiting as the settings allow. */
export function pairSpec(
  source: SourceEngine,
  sink: SinkEngine,
): Pick<InstanceSpec, 'source' | 'sink' | 'engines' | 'connect'> {
  const polled = source === 'debezium' ? { 'poll.interval.ms': '10' } : {};
  const batched = sink === 'jdbc' ? JDBC_TUNED : {};
  return {
    source: { file: 'source', overrides: polled },
    sink: { file: 'sink', overrides: batched },
    engines: { source, sink },
    connect,
  };
}

/** One engine's rounds. */
export interface Rounds {
  readonly perSecond: readonly number[];
  /** First rounds of further processes, each just started; none where the first round above has to do. */
  readonly cold?: readonly number[];
  /** CPU time of the engine's process, in microseconds an event. */
  readonly cpuMicros: readonly number[];
}

/** Rounds of ours and of the peer as figures; the first of each process is cold. */
export function sideBySide(
  unit: string,
  own: Rounds,
  peer: Rounds,
  atLeast: { readonly warm: number; readonly cold?: number },
): Figure[] {
  const warm = (samples: readonly number[]): number =>
    median(samples.length > 1 ? samples.slice(1) : samples);
  const cold = ({ perSecond, cold = [] }: Rounds): number[] => [...perSecond.slice(0, 1), ...cold];
  const figure = (what: string, value: number, of: string, samples?: readonly number[]): Figure => ({
    what,
    value,
    unit: of,
    target: null,
    ...(samples === undefined ? {} : { samples }),
  });
  return [
    figure('ours, warm', warm(own.perSecond), unit, own.perSecond),
    figure('peer, warm', warm(peer.perSecond), unit, peer.perSecond),
    {
      ...figure('ours to peer, warm', warm(own.perSecond) / warm(peer.perSecond), 'times'),
      target: { atLeast: atLeast.warm },
    },
    figure('ours, cold', median(cold(own)), unit, cold(own)),
    figure('peer, cold', median(cold(peer)), unit, cold(peer)),
    {
      ...figure('ours to peer, cold', median(cold(own)) / median(cold(peer)), 'times'),
      target: atLeast.cold === undefined ? null : { atLeast: atLeast.cold },
    },
    figure('ours, CPU', warm(own.cpuMicros), 'µs each', own.cpuMicros),
    figure('peer, CPU', warm(peer.cpuMicros), 'µs each', peer.cpuMicros),
  ];
}

/** CPU time that a service has used so far, in milliseconds; its kernel clock ticks a hundred times a second. */
export async function cpuMsOf(lab: Lab, service: string): Promise<number> {
  const info = (await lab.runtime.services()).find(({ name }) => name === service);
  if (info?.pid == null) throw new Error(`${service} does not run`);
  const stat = readFileSync(`/proc/${info.pid}/stat`, 'utf8');
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return (user + system) * 10;
}
