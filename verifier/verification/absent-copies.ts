import { messageOf } from '../../pipeline/contract/errors.ts';
import type { CheckContext } from '../check.ts';
import type { VerifierConfig } from '../config.ts';
import { writtenLsn } from '../connection/written-lsn.ts';
import type { AbsentCopy } from '../observe/catalogues.ts';
import { connectorConfig, createsTables } from '../observe/connect-rest.ts';
import { orNearest } from '../observe/misnamed.ts';
import { sharedTopics } from '../observe/pipeline.ts';
import type { Table } from '../observe/source/catalogue.ts';
import { readHistories } from '../observe/topic/topic-history.ts';
import { type Finding, finding, type Hop } from '../report.ts';
import type { TableContent } from './comparison.ts';

type Given = Pick<CheckContext, 'config' | 'databases' | 'pipeline' | 'signal' | 'evidence'>;

/**
 * One finding for each expected table that has no copy. It is a FAIL, however many rows the table has, with one exception:
 * a sink that creates its tables itself does so with the first row, so the copy of a table that never had one is not
 * created yet (WARN).
 */
export async function absentCopies(check: string, context: Given): Promise<Finding[]> {
  const { absent, expected } = await context.evidence.catalogues();
  if (absent.length === 0) return [];
  const { tables } = await context.evidence.content();
  const isLazy = await mayCreateTables(context.config);
  return await Promise.all(
    absent.map(async (copy): Promise<Finding> => {
      const content = tables.find(({ table }) => table.id === copy.id);
      const own = { check, table: copy.id, hop: hopOf(content) };
      const { wanted } = copy;
      const rows = content?.comparison?.sourceRows;
      const table = expected.find(({ id }) => id === copy.id);
      const mayBeLazy = isLazy && rows === 0 && table !== undefined;
      const had = mayBeLazy ? await hadRows(table, context).catch(errorOf) : true;
      if (had instanceof Error) {
        const unknown = `${copy.id} is empty, and whether its copy ${wanted} should exist is not known: ${messageOf(had)}`;
        return finding({ ...own, class: 'evidence-missing', verdict: 'INCONCLUSIVE', detail: unknown });
      }
      if (had) return finding({ ...own, class: 'absent', verdict: 'FAIL', detail: sentenceOf(copy) });
      const detail = `${copy.id} is empty, and its copy ${wanted} is not created yet: the sink creates it with the first row`;
      return finding({ ...own, class: 'absent', verdict: 'WARN', detail });
    }),
  );
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function sentenceOf({ id, wanted, nearest }: AbsentCopy): string {
  const hint = nearest === undefined ? '' : orNearest(nearest);
  return `the sink has no table ${wanted}, the copy of ${id}${hint}`;
}

/** Where the table's rows were lost, if all were lost at one known hop: without rows, a sink has no table to create. */
function hopOf(content: TableContent | undefined): Hop {
  const hops = new Set(content?.attributed.map(({ hop }) => hop));
  const [hop = 'sink'] = hops.size === 1 ? hops : [];
  return hop === 'unknown' ? 'sink' : hop;
}

/** Whether the sink may create tables with their first rows: its configuration says so, or the sink is unknown. */
async function mayCreateTables({ kafka, connectors }: VerifierConfig): Promise<boolean> {
  const sinks = connectors.filter(({ type }) => type === 'sink');
  if (sinks.length === 0) return kafka !== null;
  const answers = await Promise.all(sinks.map((ref) => connectorConfig(ref).then(createsTables, () => true)));
  return answers.includes(true);
}

/** Whether the topic has an event with a row. A TRUNCATE has none, and no sink creates a table for it. */
async function hadRows(
  { id, key, columns }: Table,
  { databases, pipeline, signal }: Given,
): Promise<boolean> {
  const topics = await pipeline.topics();
  const topic = topics.get(id);
  const kafka = topic === undefined ? null : await pipeline.kafka();
  if (topic === undefined || kafka === null || sharedTopics(topics).has(topic)) return false;
  const sought = { key, columns: columns.map(({ name }) => name), keys: new Map<string, null>() };
  const ends = await kafka.offsets([topic]);
  const bounds = { ...ends, writtenTo: await writtenLsn(await databases.source()) };
  const history = (await readHistories(kafka, new Map([[topic, sought]]), bounds, signal)).get(topic);
  return (history?.columns.size ?? 0) > 0;
}
