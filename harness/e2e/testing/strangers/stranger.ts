import { fileURLToPath } from 'node:url';
import { definePipeline, type Lesson, type Pipeline } from '../../../../fixtures/pipelines/lib/pipeline.ts';

const CONSUMER = fileURLToPath(new URL('consumer.ts', import.meta.url));

/** An adapter as docs/pipelines.md shows it. @param habit Options of the consumer. */
export function stranger(habit: readonly string[], restart: Lesson): Pipeline {
  return definePipeline({
    title: "a stranger's consumer",
    position: 'consumer-group',
    tables: ['public.customers', 'public.orders'],
    capture: { 'decimal.handling.mode': 'string' },
    start: ({ sinkUrl, bootstrapServers, topics, consumerGroup, process: own }) =>
      own.start(process.execPath, [
        ...['--disable-warning=TimeoutNegativeWarning', CONSUMER],
        ...['--sink', sinkUrl, '--brokers', bootstrapServers.join(',')],
        ...['--topics', topics.join(','), '--group', consumerGroup, ...habit],
      ]),
    stop: ({ process: own }) => own.stop(),
    kill: ({ process: own }) => own.kill(),
    health: ({ process: own }) => own.health(),
    lessons: { restart },
  });
}
