import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { withDatabase } from '../fixtures/database.ts';
import { openAccess } from '../harness/access/live-access.ts';
import { sinkWorkers } from '../harness/lab/instance/sink-workers.ts';
import type { Lab } from '../harness/lab/lab.ts';
import { cpuMsOf } from './engines/rounds.ts';
import { sizeOf } from './engines/size.ts';
import { type Bench, type BenchContext, type Figure, median } from './lib/bench.ts';
import { TopicEnd, untilReached, withPipeline } from './lib/pipeline.ts';
import { applied, applyRound } from './lib/sink-rounds.ts';

const WORKERS = [1, 2, 3];
/** Divisible by 1, 2 and 3, so that all workers have the same number of partitions. */
const PARTITIONS = '6';

interface Round {
  readonly perSecond: number;
  /** CPU time of all sink workers in microseconds per event. */
  readonly sinkMicros: number;
  /** Number of busy processors on this machine, including the load of all other processes. */
  readonly busy: number;
}

const bench: Bench = {
  title:
    'change events applied by 1, 2 and 3 sink processes in one consumer group, for the record; 6 partitions',
  async run(context) {
    const figures: Figure[] = [];
    for (const workers of WORKERS) figures.push(...figuresOf(workers, await roundsWith(workers, context)));
    return figures;
  },
};
export default bench;

async function roundsWith(workers: number, { workDir, progress }: BenchContext): Promise<readonly Round[]> {
  const { rows, passes, rounds } = sizeOf({ rows: 100_000, passes: 3, rounds: 3 });
  const overrides = {
    'producer.override.compression.type': 'lz4',
    'topic.creation.default.partitions': PARTITIONS,
  };
  const spec = { source: { file: 'source', overrides }, sink: { file: 'sink' }, sinkWorkers: workers };
  return withPipeline(workDir, rows, spec, async (instance, lab) => {
    await using topic = await TopicEnd.open(instance);
    await using access = await openAccess(instance);
    return withDatabase(instance.sinkUrl, async (client) => {
      await untilReached(rows, () => applied(client));
      const services = sinkWorkers(instance).map(({ service }) => service);
      const done: Round[] = [];
      for (let n = 1; n <= rounds; n++) {
        let before = { sinkMs: 0, machine: { busy: 0, all: 1 } };
        const look = async () => ({ sinkMs: await cpuMsOfAll(lab, services), machine: machineTicks() });
        const { events, ms } = await applyRound(
          { instance, access, topic, client, rows, passes, warmUp: rows },
          async () => {
            before = await look();
          },
        );
        const after = await look();
        const busy = (after.machine.busy - before.machine.busy) / (after.machine.all - before.machine.all);
        done.push({
          perSecond: (events * 1000) / ms,
          sinkMicros: ((after.sinkMs - before.sinkMs) * 1000) / events,
          busy: busy * cpus().length,
        });
        progress(
          `${workers} sink processes, round ${n}: ${Math.round(done.at(-1)?.perSecond ?? 0)} events/s`,
        );
      }
      return done;
    });
  });
}

function figuresOf(workers: number, rounds: readonly Round[]): Figure[] {
  const name = `${workers} sink process${workers === 1 ? '' : 'es'}`;
  const figure = (what: string, unit: string, samples: readonly number[]): Figure => ({
    what: `${name}, ${what}`,
    value: median(samples),
    unit,
    target: null,
    samples,
  });
  return [
    figure(
      'median',
      'events/s',
      rounds.map(({ perSecond }) => perSecond),
    ),
    figure(
      'CPU of the sink',
      'µs/event',
      rounds.map(({ sinkMicros }) => sinkMicros),
    ),
    figure(
      `busy of ${cpus().length} processors`,
      'processors',
      rounds.map(({ busy }) => busy),
    ),
  ];
}

async function cpuMsOfAll(lab: Lab, services: readonly string[]): Promise<number> {
  const all = await Promise.all(services.map((service) => cpuMsOf(lab, service)));
  return all.reduce((sum, ms) => sum + ms, 0);
}

/** Clock ticks of all processors since the machine started: proc(5), the first line of /proc/stat. */
function machineTicks(): { readonly busy: number; readonly all: number } {
  const [first = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const ticks = first.trim().split(/\s+/).slice(1, 9).map(Number);
  const all = ticks.reduce((sum, n) => sum + n, 0);
  const [, , , idle = 0, waiting = 0] = ticks;
  return { busy: all - idle - waiting, all };
}
