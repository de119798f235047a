import { describe, expect, it, test } from 'vitest';
import { type Finding, finding, type Report, type TableReport } from '../../../verifier/report.ts';
import { painter } from '../../terminal/page.ts';
import { renderReport } from './render-report.ts';

const NOTHING = { missing: 0, extra: 0, stale: 0, corrupted: 0, duplicates: 0, orphans: 0, inFlight: 0 };
const EQUAL = { verdict: 'PASS', checksumEqual: true, sourceRows: 1_000, sinkRows: 1_000 } as const;
const table = (name: string, own: Partial<TableReport> = {}): TableReport => ({
  ...{ table: `public.${name}`, key: ['id'], ...EQUAL, ...NOTHING },
  ...own,
});
const WELL: Report = {
  ...{ schemaVersion: 1, verdict: 'PASS', at: '2026-01-01T12:30:45.000Z', durationMs: 1_234, coverage: 1 },
  ...{ window: { fromLsn: '0/1F77AC8', toLsn: null }, findings: [], progress: null },
  ...{ ledger: null, deliveries: null, connectors: [] },
  tables: [table('customers'), table('orders', { sourceRows: 842_000 })],
  checks: [
    { check: 'ledger', verdict: 'PASS', status: 'not-applicable', detail: 'there is no ledger' },
    { check: 'row-counts', verdict: 'PASS', status: 'judged', detail: '2 tables, all of them counted' },
  ],
};

const example = (id: string) => ({ key: { id }, columns: ['total'], detail: `the topic has ${id}` });
const corrupted: Finding = {
  ...{ check: 'corrupted-rows', class: 'corrupted', table: 'public.orders', count: 1_300, hop: 'sink' },
  ...{ verdict: 'FAIL', first: example('1'), examples: ['1', '2', '3', '4'].map(example) },
  detail: '1300 corrupted in public.orders in total, lost at: sink',
};
const warning = finding({ check: 'slot-health', class: 'alert', verdict: 'WARN', detail: 'WAL is held' });
const WRONG: Report = {
  ...WELL,
  verdict: 'FAIL',
  tables: [table('customers'), table('orders', { verdict: 'FAIL', corrupted: 1_300, checksumEqual: false })],
  findings: [warning, corrupted],
  checks: [
    ...WELL.checks,
    {
      check: 'corrupted-rows',
      verdict: 'FAIL',
      detail: '1300 corrupted in 2 tables; not compared: public.customers',
    },
    { check: 'slot-health', verdict: 'WARN', detail: 'WAL is held' },
  ],
};

const INFINITE = Number.POSITIVE_INFINITY;
const draw = (report: Report, { width = INFINITE, verbose = false, explain = [] as string[] | null } = {}) =>
  renderReport(report, { paint: painter(false), width }, { verbose, explain });

describe('where all is well', () => {
  it('is one line, which an eighty-column terminal holds', () => {
    const text = 'PASS · 2 tables equal, 843,000 rows · 1.2 s · at 12:30:45\n';
    expect(draw(WELL)).toBe(text);
    expect(draw(WELL, { width: 80 })).toBe(text);
  });

  it('says since when each row has been compared, where only what changed is compared now', () => {
    const one = { table: 'public.orders', changedKeys: 7, changedKeysSince: 90, reason: null } as const;
    const wholeAt = '2026-01-01T12:20:01.000Z';
    const scans = { everyMs: 600_000, tables: [{ ...one, compared: 'changed keys', wholeAt } as const] };
    const lines = draw({ ...WELL, scans }, { verbose: true, width: 80 }).split('\n');
    expect(lines[0]).toBe('PASS · 2 tables equal, 843,000 rows, each since 12:20:01 · 1.2 s · at 12:30:45');
    expect(lines.slice(1, 3).join(' ')).toMatch(/7 changed keys compared, every +row since 12:20:01/);
  });

  it('has all tables and checks with --verbose; a check with nothing to look at prints a dash', () => {
    const lines = draw(WELL, { verbose: true }).split('\n');
    expect(lines[0]).toMatch(/^PASS · /);
    expect(lines[1]).toBe('  coverage 100 % of 2 tables · fence 0/1F77AC8');
    expect(lines.find((line) => line.startsWith('public.orders'))).toMatch(/842,000 +1,000 +PASS +equal$/);
    expect(lines.find((line) => line.startsWith('ledger'))).toMatch(
      /^ledger +– +not applicable: there is no ledger$/,
    );
    expect(lines.find((line) => line.startsWith('row-counts'))).toMatch(/^row-counts +PASS +2 tables/);
  });
});

describe('where something is wrong', () => {
  const lines = draw(WRONG).split('\n');

  it('has the verdict first, then the wrong tables only', () => {
    expect(lines[0]).toMatch(/^FAIL · 1,300 wrong rows in 1 of 2 tables · /);
    expect(lines[2]).toMatch(/^TABLE +SOURCE +SINK +VERDICT$/);
    expect(lines[3]).toMatch(/^public.orders +1,000 +1,000 +FAIL +1,300 corrupted$/);
    expect(draw(WRONG)).not.toContain('customers');
  });

  it('says each finding once, the worst first, with three keys and the command that explains each', () => {
    const text = draw(WRONG);
    expect(lines.slice(5)).toEqual([
      'FAIL  1,300 corrupted @sink in public.orders (total)',
      '    id 1: the topic has 1',
      '    cdc-lab explain public.orders id=1',
      '    id 2: the topic has 2',
      '    cdc-lab explain public.orders id=2',
      '    id 3: the topic has 3',
      '    cdc-lab explain public.orders id=3',
      'WARN  alert @unknown: WAL is held',
      '',
    ]);
    expect(text.match(/WAL is held/g)).toHaveLength(1);
    const verbose = draw(WRONG, { verbose: true });
    expect(verbose.match(/WAL is held/g)).toHaveLength(1);
    expect(verbose).toMatch(/^slot-health +WARN +see above$/m);
  });

  it('has no command where there is no lab that could explain the row, or no whole primary key', () => {
    expect(draw(WRONG, { explain: null })).not.toContain('cdc-lab explain');
    const keyless = { ...WRONG, tables: [table('orders', { verdict: 'FAIL', corrupted: 4, key: [] })] };
    expect(draw(keyless)).not.toContain('cdc-lab explain');
    expect(draw(WRONG, { explain: ['--instance', 'lag-naive'] })).toContain(
      'cdc-lab explain --instance lag-naive public.orders id=1',
    );
  });

  it('shows a key from somebody else’s database without obeying it', () => {
    const evil = { ...corrupted, examples: [example('\u001b[2J\n')] };
    const text = draw({ ...WRONG, findings: [evil] });
    expect(text).toContain('id \\x1b[2J\\n:');
    expect(text).not.toContain('\u001b');
  });
});

test('checks with the same reason share a line, and rows are not counted twice', () => {
  const detail = 'not run: the fence is not passed';
  const blind = ['stale-rows', 'order', 'effects'].map(
    (check) => ({ check, verdict: 'INCONCLUSIVE', detail }) as const,
  );
  const counts = {
    check: 'row-counts',
    verdict: 'FAIL',
    detail: 'public.orders: 3 rows at the source, 2 in the sink',
  };
  const text = draw({ ...WRONG, findings: [], checks: [...blind, { ...counts, verdict: 'FAIL' }] });
  expect(text).toMatch(/^3 checks +INCONCLUSIVE +not run: the fence is not passed$/m);
  expect(text).not.toContain('row-counts');
});

test('a pipeline that is behind says how far, and what to do', () => {
  const progress = {
    ...{ fencePassed: false, eventsBehind: 1_634, eventsBehindAtStart: 2_000, walBehindBytes: 9 },
    ...{ rateEventsPerSecond: 37.4, waitedMs: 5_000, snapshotRunning: false, waitingFor: ['the sink'] },
  };
  const lines = draw({ ...WELL, verdict: 'SYNC_IN_PROGRESS', progress, tables: [] }).split('\n');
  expect(lines[0]).toMatch(/^SYNC_IN_PROGRESS · 1,634 events behind at 37\/s · /);
  expect(lines).toContain('waiting for the sink; ask again, or wait longer with --deadline');
});

test.each([80, 100, 120])('at %d columns no word is broken, and only a command passes the end', (width) => {
  const long = { ...warning, detail: 'the replication slot holds back write-ahead log '.repeat(6).trim() };
  const report = { ...WRONG, findings: [long, corrupted] };
  const broken = draw(report, { width });
  const words = (text: string): string[] => text.split(/\s+/);
  expect(words(broken)).toEqual(words(draw(report)));
  const late = broken.split('\n').filter((line) => line.length > width);
  expect(late.filter((line) => !line.includes('cdc-lab explain'))).toEqual([]);
});

test('between two databases without a pipeline, no fence is said to be passed', () => {
  const fence = { check: 'fence', verdict: 'PASS', detail: '' } as const;
  const more = (status: 'judged' | 'not-applicable') =>
    draw({ ...WELL, checks: [{ ...fence, status }] }, { verbose: true }).split('\n')[1];
  expect(more('judged')).toContain('fence 0/1F77AC8');
  expect(more('not-applicable')).not.toContain('fence');
});

test('what limits the memory of earlier verifications is said', () => {
  const memory = { file: null, verifications: 0, since: null, note: 'no earlier verification is known' };
  expect(draw({ ...WELL, memory }).split('\n')).toContain('no earlier verification is known');
});
