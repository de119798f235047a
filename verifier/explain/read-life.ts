import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { pairTables } from '../compare/table-pair.ts';
import type { VerifierConfig } from '../config.ts';
import { Database } from '../connection/postgres.ts';
import { writtenLsn } from '../connection/written-lsn.ts';
import { captureSettings } from '../observe/capture-settings.ts';
import { type FenceOutcome, passFence } from '../observe/fence.ts';
import { sharedSentence, sharedTopics } from '../observe/pipeline.ts';
import { PipelineProgress } from '../observe/pipeline-progress.ts';
import { copyNameOf, copyNames, reshaped, shapeOf } from '../observe/sink/copy-shape.ts';
import { readCatalogue, type Table } from '../observe/source/catalogue.ts';
import { KafkaView, topicOf } from '../observe/topic/kafka-view.ts';
import type { TopicHistory } from '../observe/topic/topic-history.ts';
import { blame } from './blame.ts';
import { parseKey, tableNamed } from './parse-key.ts';
import { hasNewWrites, type RowPlace, readLedger } from './read-ledger.ts';
import { keyTextOf, readTopic, type TopicReading, unreadTopic } from './read-topic.ts';
import type { FaultInterval, LifeFence, RowLife } from './row-life.ts';
import {
  canonicalKey,
  causesOf,
  comparedReading,
  differingColumns,
  hasMoved,
  isoOf,
  type RowReading,
  readRows,
  readSinkMarks,
} from './row-readings.ts';

export interface ExplainRequest {
  readonly config: VerifierConfig;
  /** `customers` or `public.customers`. */
  readonly table: string;
  /** In the syntax of {@link parseKey}. */
  readonly key: string;
  /** The number of commits, and of records, to keep: the last ones. */
  readonly max: number;
  /** Keep the values of columns other than the key and the version. */
  readonly values: boolean;
  /** How long to wait for the pipeline to carry everything that was committed before. */
  readonly deadlineMs: number;
  readonly faults: readonly FaultInterval[];
  readonly signal: AbortSignal;
}

const STATEMENT_TIMEOUT_MS = 30_000;
/** Attempts to read a row that appears, disappears or changes while it is read. */
const ATTEMPTS = 3;

/**
 * Reads everything that can be seen of one row: ledger and source first; then, after the progress fence, the sink, the
 * source again, and the topic up to there. So what the source had must have arrived, and what the sink shows was sent. It writes nothing, except a logical message to the source's WAL if
 * the configuration allows that.
 * @throws NoSuchRowError for a table or key that cannot exist; LabError if a database or Kafka cannot be reached.
 */
export async function readLife(request: ExplainRequest): Promise<RowLife> {
  await using stack = new AsyncDisposableStack();
  const { config } = request;
  const source = stack.use(await Database.connect('source', config.source.url, STATEMENT_TIMEOUT_MS));
  const tables = await readCatalogue(source);
  const table = tableNamed(request.table, tables);
  const topicShared = sharedWith(config, table, [...tables.values()]);
  const key = await canonicalKey(source, table, parseKey(request.key, table));
  const sink = stack.use(await Database.connect('sink', config.sink.url, STATEMENT_TIMEOUT_MS));
  const kafka = config.kafka === null ? null : stack.use(await KafkaView.connect(config.kafka));
  for (let attempt = 1; ; attempt++) {
    const life = await new Reading(request, { table, key }, { source, sink, kafka, topicShared }).read();
    if (!life.isMoving || attempt === ATTEMPTS) return life;
  }
}

interface Opened {
  readonly source: Database;
  readonly sink: Database;
  readonly kafka: KafkaView | null;
  /** Why the records of the topic are not read: it carries other tables too. Null if it does not. */
  readonly topicShared: string | null;
}

function sharedWith(config: VerifierConfig, table: Table, all: readonly Table[]): string | null {
  const isCompared = ({ id }: Table): boolean =>
    id === table.id || (config.tables?.includes(id) ?? !config.excludeTables.includes(id));
  const topics = new Map(all.filter(isCompared).map((own) => [own.id, topicOf(config.topicPrefix, own)]));
  const topic = topics.get(table.id) ?? '';
  const ids = sharedTopics(topics).get(topic);
  return ids === undefined ? null : sharedSentence(topic, ids);
}

/** One attempt to read the row. */
class Reading {
  readonly #request: ExplainRequest;
  readonly #row: RowPlace;
  readonly #opened: Opened;
  readonly #unseen: string[] = [];

  constructor(request: ExplainRequest, row: RowPlace, opened: Opened) {
    this.#request = request;
    this.#row = row;
    this.#opened = opened;
  }

  async read(): Promise<RowLife> {
    const { config, values, faults } = this.#request;
    const { table, key } = this.#row;
    const ledger = await readLedger(this.#opened.source, config, this.#row, this.#request.max);
    this.#unseen.push(...ledger.unseen);
    const options = { versionColumn: config.versionColumn, values };
    const sinkTable = await this.#sinkTable();
    const tables = { source: table, sink: sinkTable };
    const from = await writtenLsn(this.#opened.source);
    const atSource = await readRows(this.#opened.source, tables, key, options);
    const topics = [topicOf(config.topicPrefix, table)];
    const view = new PipelineProgress(config, this.#connections(), async () => topics);
    const fence = await this.#fence(view);
    const sinkOffsets = await view.sinkOffsets();
    const atSink = await readRows(this.#opened.sink, tables, key, options);
    const afterwards = await readRows(this.#opened.source, tables, key, options);
    const span = { from, to: await writtenLsn(this.#opened.source) };
    // Read last: what the sink shows has its record in the topic by now.
    const topic = await this.#topic(topics, span.to);
    this.#unseen.push(...topic.unseen);
    const readings = { before: atSource[0], after: afterwards[0] };
    const columns = differingColumns(readings, atSink);
    const [compared, shown] = [comparedReading(readings, atSink[0]), atSink[0]];
    const differingHop =
      columns.length > 0 && fence.passed && compared !== undefined && shown !== undefined
        ? await blame(
            this.#opened.source,
            {
              ...{ pair: pairTables(table, sinkTable), keyText: keyTextOf(this.#row) },
              ...{ columns, source: compared, sink: shown, span },
            },
            topic.history,
          )
        : 'unknown';
    const keyTexts = table.key.map(({ name }) => key[name] ?? '');
    const marks = await readSinkMarks(this.#opened.sink, sinkTable, { schema: config.sink.schema, keyTexts });
    if (sinkTable === undefined) this.#unseen.push(`the sink has no table for ${table.id}`);
    else if (!marks.keepsPositions) {
      this.#unseen.push(
        'the sink keeps no positions, so it is unknown which record wrote its row and which ones it suppressed',
      );
    }
    return {
      table: table.id,
      key,
      at: new Date().toISOString(),
      commits: ledger.commits,
      source: atSource[0]?.row ?? null,
      sourceAfter: afterwards[0]?.row ?? null,
      isMoving:
        hasMoved(atSource[0], afterwards[0]) ||
        (atSource.length === 0 && (await hasNewWrites(config, this.#row, ledger))),
      records: topic.records,
      truncates: topic.truncates,
      sink: { ...marks, rows: atSink.map(withIsoTimes) },
      differing: columns,
      ...causesOf(columns, shown, sentColumns(topic.history)),
      differingHop,
      sinkOffsets,
      fence,
      topicGap: topic.topicGap,
      faults,
      leftOut: { commits: ledger.leftOut, records: topic.leftOut },
      unseen: this.#unseen,
    };
  }

  async #topic(topics: readonly string[], before: Lsn): Promise<TopicReading> {
    const { source, kafka, topicShared } = this.#opened;
    if (topicShared !== null && kafka !== null) return unreadTopic(topicShared);
    const columns = this.#row.table.columns.map(({ name }) => name);
    return await readTopic(kafka, topics, this.#row, { ...this.#request, source, before, columns });
  }

  async #sinkTable(): Promise<Table | undefined> {
    const { config } = this.#request;
    const { table } = this.#row;
    const { source, sink } = this.#opened;
    const copy = (await readCatalogue(sink)).get(copyNameOf(config, table, table.id));
    if (copy === undefined) return undefined;
    const shape = shapeOf(config, table, copyNames(config, await readCatalogue(source)));
    return reshaped(copy, { ...shape, settings: await captureSettings(config) });
  }

  #connections() {
    const { source, sink, kafka } = this.#opened;
    return { source: async () => source, sink: async () => sink, kafka: async () => kafka };
  }

  async #fence(view: PipelineProgress): Promise<LifeFence> {
    const { deadlineMs, signal } = this.#request;
    const outcome = await passFence(view, { deadlineAtMs: performance.now() + deadlineMs, signal });
    return outcome.tag === 'passed'
      ? { passed: true, waitingFor: '' }
      : {
          passed: false,
          waitingFor: waiting(outcome),
          hasFailed: outcome.tag === 'connector-failed',
        };
  }
}

/** Columns that records of the topic have; null if not all of them were read, or there are none. */
function sentColumns(history: TopicHistory | null): ReadonlySet<string> | null {
  return history?.complete === true && history.columns.size > 0 ? history.columns : null;
}

function withIsoTimes({ row }: RowReading): RowReading['row'] {
  const metadata = Object.entries(row.metadata).map(([name, value]) => {
    const isTime = name.endsWith('_at') || name.endsWith('_ts');
    return [name, isTime && value !== null ? isoOf(value) : value] as const;
  });
  return { ...row, metadata: Object.fromEntries(metadata) };
}

function waiting(outcome: Exclude<FenceOutcome, { tag: 'passed' }>): string {
  if (outcome.tag === 'connector-failed') return 'a connector has failed';
  if (outcome.tag === 'no-evidence') return outcome.reason;
  return `still waiting for ${outcome.progress.waitingFor.join(' and ')}`;
}
