import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { UndoLog } from './undo-log.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'cdc-lab-undo-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const entry = (id: string) => ({
  id,
  instance: 'lab',
  fault: 'kill-service',
  params: { service: 'capture' },
});
const ids = (log: UndoLog) => log.outstanding().map(({ id }) => id);

it('has nothing outstanding where there is no file', () => {
  expect(new UndoLog(dir).outstanding()).toEqual([]);
});

it('lists what is pending, the latest first, for another process to read', () => {
  const log = new UndoLog(dir);
  log.pending(entry('a'));
  log.pending(entry('b'));
  expect(new UndoLog(dir).outstanding()).toMatchObject([entry('b'), entry('a')]);
});

it('forgets what is done, and being done twice does no harm', () => {
  const log = new UndoLog(dir);
  log.pending(entry('a'));
  log.pending(entry('b'));
  log.done('b');
  log.done('b');
  expect(ids(log)).toEqual(['a']);
});

it('leaves out a line that a kill cut off, and keeps the next line whole', () => {
  const log = new UndoLog(dir);
  log.pending(entry('a'));
  appendFileSync(log.file, '{"t":"pending","id":"cut');
  log.pending(entry('b'));
  expect(ids(log)).toEqual(['b', 'a']);
});
