import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig, type VerifierConfig } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import type { Report } from '../report.ts';
import { VerifierService } from '../service/service.ts';
import { type DatabasePair, databasePair } from '../testing/databases.ts';
import { VerifierMemory } from './verifier-memory.ts';
import { verify } from './verify.ts';

/** A sink that keeps positions. Row 1 was written by hand; its values are right. */
async function handWritten(): Promise<DatabasePair> {
  const pair = await databasePair();
  await pair.onSource(
    'CREATE TABLE items (id int PRIMARY KEY, n int); INSERT INTO items VALUES (1, 1), (2, 2)',
  );
  await pair.onSink(`CREATE TABLE items (id int PRIMARY KEY, n int, _cdc_position text COLLATE "C");
    INSERT INTO items VALUES (1, 0, NULL), (2, 2, '0005')`);
  return pair;
}

function configOf(pair: DatabasePair, stateDir: string, schema = 'public'): VerifierConfig {
  return parseConfig(
    {
      ...{ port: 0, stateDir, kafka: null, fence: 'none' },
      source: { url: pair.sourceUrl, slot: null },
      sink: { url: pair.sinkUrl, schema },
    },
    'test',
  );
}

/** A verification by a verifier that was just started. */
async function look(pair: DatabasePair, stateDir: string | null, schema?: string): Promise<Report> {
  const config = configOf(pair, stateDir ?? '.', schema);
  const memory = new VerifierMemory(stateDir);
  return await verify({ config, checks: await loadChecks(), deadlineMs: 5_000, memory });
}

const faults = (report: Report) =>
  report.findings.filter(({ verdict }) => verdict === 'FAIL').map(({ check, count }) => [check, count]);

test('after a full recovery a verifier that was restarted says PASS, and a fault that lasts stays FAIL', async () => {
  await using pair = await handWritten();
  const stateDir = makeTestFolder();
  const foreign = ['foreign-writers', 1];
  const first = await look(pair, stateDir);
  expect(faults(first)).toEqual([['corrupted-rows', 1], foreign]);
  expect(first.memory).toMatchObject({
    verifications: 0,
    note: expect.stringMatching(/the next.* can tell/),
  });
  // It lasts: a restart alone heals nothing.
  expect(faults(await look(pair, stateDir))).toEqual([['corrupted-rows', 1], foreign]);
  await pair.onSink('UPDATE items SET n = 1 WHERE id = 1');
  const recovered = await look(pair, stateDir);
  expect([recovered.verdict, faults(recovered)]).toEqual(['PASS', []]);
  expect(recovered.checks.find(({ check }) => check === 'foreign-writers')?.detail).toContain(
    'healed: 1 rows of public.items were written by no event',
  );
  expect(recovered.memory).toMatchObject({ verifications: 2, note: null });
  // Another row is a fault of now.
  await pair.onSink('UPDATE items SET _cdc_position = NULL WHERE id = 2');
  expect(faults(await look(pair, stateDir))).toEqual([['foreign-writers', 2]]);
});

test('a row that goes back to an older position is found by the next start, and is history once it is equal', async () => {
  await using pair = await handWritten();
  await pair.onSink(`UPDATE items SET n = 1, _cdc_position = '0004' WHERE id = 1`);
  const stateDir = makeTestFolder();
  expect(faults(await look(pair, stateDir))).toEqual([]);
  await pair.onSink(`UPDATE items SET n = 7, _cdc_position = '0003' WHERE id = 2`);
  expect(faults(await look(pair, stateDir))).toEqual([
    ['corrupted-rows', 1],
    ['order', 1],
  ]);
  await pair.onSink('UPDATE items SET n = 2 WHERE id = 2');
  const recovered = await look(pair, stateDir);
  expect([recovered.verdict, faults(recovered)]).toEqual(['PASS', []]);
  expect(recovered.checks.find(({ check }) => check === 'order')?.detail).toContain('healed: 1 rows of');
});

test('the service remembers across its restarts', async () => {
  await using pair = await handWritten();
  const config = configOf(pair, makeTestFolder());
  const checks = await loadChecks();
  const before = new VerifierService(config, checks);
  expect(faults(await before.verify())).toContainEqual(['foreign-writers', 1]);
  await before.stop();
  await pair.onSink('UPDATE items SET n = 1 WHERE id = 1');
  const after = new VerifierService(config, checks);
  expect((await after.verify()).verdict).toBe('PASS');
  await after.stop();
});

test('without a folder, a single verification cannot know, and the report says so', async () => {
  await using pair = await handWritten();
  await look(pair, null);
  await pair.onSink('UPDATE items SET n = 1 WHERE id = 1');
  const report = await look(pair, null);
  expect(faults(report)).toEqual([['foreign-writers', 1]]);
  expect(report.memory).toMatchObject({
    file: null,
    verifications: 0,
    note: expect.stringContaining('--state'),
  });
});

test('a memory of another pair, of another version or without sense is not used, and the report says why', async () => {
  await using pair = await handWritten();
  await using other = await handWritten();
  const stateDir = makeTestFolder();
  await look(pair, stateDir);
  const [name = ''] = readdirSync(stateDir);
  const path = join(stateDir, name);
  const own = readFileSync(path, 'utf8');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await pair.onSink('UPDATE items SET n = 1 WHERE id = 1');
  // The other pair has a file of its own in the same folder.
  expect(faults(await look(other, stateDir))).toEqual([
    ['corrupted-rows', 1],
    ['foreign-writers', 1],
  ]);
  const theirs = readdirSync(stateDir).find((file) => file !== name) ?? '';
  const refused: readonly (readonly [string, RegExp])[] = [
    [readFileSync(join(stateDir, theirs), 'utf8'), /it is about another pair of databases/],
    [own.replace('"version":2', '"version":3'), /it has version 3, not 2/],
    [own.slice(0, own.length / 2), /not in the form in which it was written/],
    [own.replace('"handled":"0"', '"handled":"-"'), /not in the form in which it was written/],
  ];
  for (const [text, why] of refused) {
    writeFileSync(path, text);
    const report = await look(pair, stateDir);
    expect(report.memory?.note).toMatch(why);
    expect([report.memory?.verifications, faults(report)]).toEqual([0, [['foreign-writers', 1]]]);
  }
  writeFileSync(path, own);
  expect((await look(pair, stateDir)).verdict).toBe('PASS');
});

test('a folder that cannot be written to does not spoil the verdict, and the report says why', async () => {
  await using pair = await handWritten();
  const file = join(makeTestFolder(), 'file');
  writeFileSync(file, '');
  const report = await look(pair, join(file, 'below'));
  expect(report.memory?.note).toMatch(/cannot be remembered: ENOTDIR|is not used, because ENOTDIR/);
  expect(faults(report)).toEqual([
    ['corrupted-rows', 1],
    ['foreign-writers', 1],
  ]);
});

test('two pipelines between the same databases do not share a memory', async () => {
  await using pair = await handWritten();
  await pair.onSink(`CREATE SCHEMA other;
    CREATE TABLE other.items (id int PRIMARY KEY, n int, _cdc_position text COLLATE "C");
    INSERT INTO other.items VALUES (1, 1, NULL), (2, 2, '0005')`);
  const stateDir = makeTestFolder();
  await look(pair, stateDir);
  const foreign = [['foreign-writers', 1]];
  for (let n = 0; n < 2; n++) expect(faults(await look(pair, stateDir, 'other'))).toEqual(foreign);
  await pair.onSink('UPDATE items SET n = 1 WHERE id = 1');
  expect(faults(await look(pair, stateDir))).toEqual([]);
  expect(faults(await look(pair, stateDir, 'other'))).toEqual(foreign);
});

test('of a pair that can no longer be identified, nothing is remembered', async () => {
  await using pair = await handWritten();
  const config = configOf(pair, '.');
  const databases = { source: async () => pair.source, sink: async () => pair.sink };
  const broken = { ...databases, sink: () => Promise.reject(new Error('it is gone')) };
  const topics = async () => new Map();
  const memory = new VerifierMemory();
  await memory.begin({ ...databases, config, topics });
  const fault = { counts: { skipped: 1 }, handled: 1n, rowsEqual: false };
  expect(memory.healed.isHealed('a', fault)).toBe(false);
  memory.positions.set('items', new Map([['[1]', '0001']]));
  memory.lastLooks.set('a', { atMs: 0, at: '00:00:00', found: null });
  await memory.begin({ ...broken, config, topics });
  expect([memory.healed.toJSON(), memory.positions.size, memory.lastLooks.size]).toEqual([{}, 0, 0]);
  const note = expect.stringContaining('nothing is remembered of it: it is gone');
  expect(await memory.end(new Date().toISOString())).toMatchObject({ verifications: 0, note });
});

test('the file is written when something has changed, and what a process left that died is removed', async () => {
  await using pair = await handWritten();
  const stateDir = makeTestFolder();
  const path = (await look(pair, stateDir)).memory?.file ?? '';
  const [left, fresh] = [`${path}.1.next`, `${path}.2.next`];
  for (const next of [left, fresh]) writeFileSync(next, '{');
  utimesSync(left, 0, 0);
  const memory = new VerifierMemory(stateDir);
  const databases = { source: async () => pair.source, sink: async () => pair.sink };
  const verified = { ...databases, config: configOf(pair, stateDir), topics: async () => new Map() };
  const once = async () => {
    await memory.begin(verified);
    await memory.end(new Date().toISOString());
    return statSync(path).ino;
  };
  const first = await once();
  expect(readdirSync(stateDir).filter((name) => name.endsWith('.next'))).toEqual([basename(fresh)]);
  expect(await once()).toBe(first);
  memory.positions.set('public.items', new Map([['["1"]', '0009']]));
  expect(await once()).not.toBe(first);
  expect(readFileSync(path, 'utf8')).toContain('0009');
});
