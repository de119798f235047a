import { enginesReady } from '../lab/process/connect-service.ts';

export interface Stage {
  readonly name: string;
  readonly what: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Run again although it passed: it depends on what the others have left. */
  readonly always?: true;
  /** What this machine lacks for it, and how to get it; null: nothing. */
  readonly lacks?: () => string | null;
}

const lab = (file: string): readonly string[] => ['vitest', 'run', '--project', 'integration', file];
const script = (name: string): readonly string[] => ['npm', 'run', '--silent', name];
const engines = (): string | null =>
  enginesReady() ? null : 'Kafka Connect and Debezium are not here: make setup ENGINES=all';

/** In the order in which they tell most: what fails early is worth more. */
export const STAGES: readonly Stage[] = [
  {
    name: 'unit',
    what: 'type check, lint, unit tests',
    command: script('test:quick'),
    env: { CDC_LAB_FRESH_PAGES: '1' },
  },
  { name: 'lessons', what: 'the five lessons, as `make demo` runs them', command: ['make', 'demo'] },
  {
    name: 'catalogue',
    what: 'every variant of every scenario and case, with its recovery',
    command: lab('harness/e2e/catalogue.lab.test.ts'),
    env: { CDC_LAB_NAIVE: 'all' },
  },
  {
    name: 'proofs',
    what: 'each fault of each scenario left out: INCONCLUSIVE; the pipelines swapped: not as expected',
    command: lab('harness/e2e/proofs.lab.test.ts'),
    env: { CDC_LAB_PROOFS: 'all' },
  },
  { name: 'integration', what: 'all other integration tests', command: script('test:integration') },
  { name: 'matrix', what: 'every planted defect, `docs/verifier-matrix.md`', command: script('matrix') },
  {
    name: 'sink-defects',
    what: 'defects of the sink’s database, 50 reports each',
    command: script('sink-defects'),
  },
  {
    name: 'engines',
    what: 'lessons, `rows/` and `position/` with Debezium and the JDBC sink, `docs/engines.md`',
    command: script('engines'),
    lacks: engines,
  },
  { name: 'pipelines', what: 'other people’s pipelines, `docs/pipelines.md`', command: script('pipelines') },
  { name: 'cluster', what: 'three brokers, two sink processes', command: script('cluster') },
  { name: 'soak', what: '200 clean runs, 20 kills at each crash point', command: script('soak') },
  {
    name: 'pages',
    what: '`docs/failures.md`, with what the stage catalogue saw',
    command: script('failures'),
    always: true,
  },
];
