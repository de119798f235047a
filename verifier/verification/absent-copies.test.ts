import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import type { VerifierConfigInput } from '../config.ts';
import type { AbsentCopy, Catalogues } from '../observe/catalogues.ts';
import type { Table } from '../observe/source/catalogue.ts';
import type { Hop } from '../report.ts';
import { contextOf } from '../testing/context.ts';
import { absentCopies } from './absent-copies.ts';
import type { Content } from './comparison.ts';

const table = { id: 'public.t', schema: 'public', name: 't', columns: [], key: [] } as unknown as Table;
const ABSENT: AbsentCopy = { id: 'public.t', wanted: 'archiv.t', nearest: 'archive.t' };

interface Given {
  readonly absent?: Partial<AbsentCopy>;
  readonly rows?: number;
  readonly hops?: readonly Hop[];
  readonly config?: Partial<VerifierConfigInput>;
}

async function found({ absent, rows = 0, hops = [], config = {} }: Given) {
  const content = { table, comparison: { sourceRows: rows }, attributed: hops.map((hop) => ({ hop })) };
  const context = contextOf({
    config,
    pipeline: { topics: async () => new Map([['public.t', 'p.public.t']]), kafka: async () => null },
    evidence: {
      catalogues: async () =>
        ({ expected: [table], absent: [{ ...ABSENT, ...absent }] }) as unknown as Catalogues,
      content: async () => ({ tables: [content] }) as unknown as Content,
    },
  });
  return await absentCopies('schema-compatibility', context);
}

/** A Connect worker whose sink connector has this configuration. */
async function sinkWith(own: Record<string, string>) {
  const server = createServer((_, response) => response.end(JSON.stringify(own)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    config: {
      kafka: { bootstrapServers: ['127.0.0.1:1'] },
      connectors: [{ name: 'sink', url, type: 'sink' as const }],
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test.each([0, 3])('a table of %i rows without a copy is a FAIL between two databases', async (rows) => {
  expect(await found({ rows })).toMatchObject([
    {
      class: 'absent',
      verdict: 'FAIL',
      hop: 'sink',
      table: 'public.t',
      detail: 'the sink has no table archiv.t, the copy of public.t: did you mean archive.t?',
    },
  ]);
});

test('the hop is the one where all of the rows were lost, if that is known', async () => {
  const hopOf = async (hops: readonly Hop[]) => (await found({ rows: 2, hops })).map(({ hop }) => hop);
  expect(await hopOf(['capture', 'capture'])).toEqual(['capture']);
  expect(await hopOf(['capture', 'sink'])).toEqual(['sink']);
  expect(await hopOf(['unknown'])).toEqual(['sink']);
});

test.each([
  [{ 'schema.evolution': 'basic' }, 0, 'WARN', /not created yet/],
  [{ 'auto.create': 'true' }, 0, 'WARN', /not created yet/],
  [{ 'schema.evolution': 'basic' }, 1, 'FAIL', /has no table/],
  [{ 'schema.evolution': 'none' }, 0, 'FAIL', /has no table/],
  [{}, 0, 'FAIL', /has no table/],
])('a sink with %j that lacks the copy of a table of %i rows is a %s', async (own, rows, verdict, detail) => {
  await using sink = await sinkWith(own);
  const findings = await found({ rows, config: sink.config });
  expect(findings).toMatchObject([{ class: 'absent', verdict, detail: expect.stringMatching(detail) }]);
});

test('a consumer that is no connector may create its tables with their first rows', async () => {
  const config = { kafka: { bootstrapServers: ['127.0.0.1:1'] } };
  expect(await found({ config })).toMatchObject([{ verdict: 'WARN' }]);
  expect(await found({ config, rows: 1 })).toMatchObject([{ verdict: 'FAIL' }]);
});
