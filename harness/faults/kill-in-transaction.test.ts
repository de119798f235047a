import { expect, test } from 'vitest';
import type { FaultContext } from '../plugins/fault.ts';
import killInTransaction from './kill-in-transaction.ts';

const PARAMS = killInTransaction.params.parse(killInTransaction.example);
const ROWS_ON_PAGE = 150;

interface Capture {
  /** Rows of the COPY in the topic after each batch. */
  readonly batches: readonly number[];
  /** LSN that it stores after each batch. Default: it stores none. */
  readonly stores?: readonly string[];
  /** LSNs in the slot of the last row in the topic, and of the next one. */
  readonly lsns?: readonly [string, string];
}

/** A pipeline whose capture has crash points, and publishes a batch whenever it is released. */
function pipeline({ batches, stores = [], lsns = ['0/10', '0/10'] }: Capture) {
  const state = { at: -1, killedAt: 0, runs: true };
  const rows = () => batches[state.at] ?? 0;
  const idRow = (id: unknown) => Number(String(id).slice(-12));
  const query = async (side: string, sql: string, values: unknown[] = []) => {
    if (side === 'sink') return [{ rows: rows() }];
    if (sql.includes('peek')) return lsns.map((lsn) => ({ lsn }));
    if (sql.includes('xmin')) return [{ xid: '7', walEnd: '0/99' }];
    if (sql.includes('ctid'))
      return values.map((id) => ({ page: Math.floor((idRow(id) - 1) / ROWS_ON_PAGE) }));
    return [{ at: String(performance.now()) }];
  };
  const access = {
    query,
    endOffsets: async () => new Map([['t.public.customers', BigInt(rows())]]),
    lag: async () => ({ events: 0 }),
    armCrashPoint: async () => {
      state.at = Math.min(state.at + 1, batches.length - 1);
    },
    crashPoints: async () => ({ waiting: [{}] }),
    connectorOffsets: async () => [{ offset: { lsn: stores[state.at] ?? null } }],
  };
  const runtime = {
    services: async () => [{ name: 'capture', state: state.runs ? 'running' : 'stopped', pid: 1 }],
    kill: async () => {
      [state.killedAt, state.runs] = [rows(), false];
      return { evidence: {} };
    },
  };
  const instance = {
    ...{ services: { capture: 'capture' }, engines: { source: 'textbook', sink: 'ts' }, topicPrefix: 't' },
    ...{ slot: 's', publication: 'p' },
  };
  const signal = new AbortController().signal;
  const context = { access, lab: { runtime }, instance, signal, withinMs: 2_000 } as unknown as FaultContext;
  return { context, state };
}

async function run(capture: Capture, params = PARAMS) {
  const { context, state } = pipeline(capture);
  const before = await killInTransaction.observe(context, params);
  const done = await killInTransaction.inject(context, params);
  return { killedAt: state.killedAt, proof: await killInTransaction.prove(context, params, before, done) };
}

test('the capture is killed where a record of the WAL is in the topic in part', async () => {
  // 1,500 rows end with a page, 2,000 with what a COPY writes at once.
  const { killedAt, proof } = await run({ batches: [0, 500, 1_500, 2_000, 2_450, 2_950] });
  expect(killedAt).toBe(2_450);
  expect(proof).toMatchObject({ lastRowInTopic: 2_450, lsnOfIt: '0/10', lsnOfTheNext: '0/10' });
});

test('a kill between two records of the WAL proves nothing', async () => {
  expect((await run({ batches: [0, 1_400], lsns: ['0/10', '0/20'] })).proof).toBeUndefined();
});

test('with replies, the kill waits until the stored position has moved within the transaction', async () => {
  const moves = { batches: [0, 1_300, 1_800, 2_300, 2_800], stores: ['0/1', '0/2', '0/2', '0/3', '0/4'] };
  const params = { ...PARAMS, replies: 1 };
  expect((await run(moves, params)).killedAt).toBe(2_300);
});

test('where the stored position does not move, the kill comes before the end of the transaction', async () => {
  const params = { ...PARAMS, replies: 1 };
  const { killedAt, proof } = await run({ batches: [0, 1_300, 9_000, 15_100, 20_000] }, params);
  expect(killedAt).toBe(15_100);
  expect(proof).toMatchObject({ publishedBeforeTheKill: 15_100 });
});
