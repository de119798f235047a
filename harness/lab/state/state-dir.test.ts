import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkDisk, claimStateDir, findStateDir, freeBytes, readOrMakePassword } from './state-dir.ts';

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'cdc-lab-dir-'));
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

test('a folder that does not exist or is empty is claimed, and found again', () => {
  const dir = join(parent, 'a', 'b');
  expect(findStateDir(dir)).toBeUndefined();
  expect(claimStateDir(dir)).toBe(dir);
  expect(claimStateDir(dir)).toBe(dir);
  expect(findStateDir(dir)).toBe(dir);
});

test('a folder with anything else in it is refused, for use and for removal', () => {
  writeFileSync(join(parent, 'thesis.txt'), 'years of work');
  for (const look of [claimStateDir, findStateDir]) {
    expect(() => look(parent)).toThrow(expect.objectContaining({ code: 'CDC-5120' }));
  }
});

test('a folder that cannot be created is an error with a remedy', () => {
  expect(() => claimStateDir('/proc/cdc-lab')).toThrow(expect.objectContaining({ code: 'CDC-5118' }));
  writeFileSync(join(parent, 'file'), '');
  expect(() => claimStateDir(join(parent, 'file'))).toThrow(expect.objectContaining({ code: 'CDC-5118' }));
});

test.each([
  ['a line break', 'a\nb', /"\/.*a\\nb" has a control character in its name\.$/],
  [
    'more bytes than the servers take',
    'ü'.repeat(100).concat('/').repeat(5),
    /has [\d]+ bytes, and .* at most 800\.$/,
  ],
])('a path with %s is refused as a usage error', (_, name, message) => {
  expect(() => claimStateDir(join(parent, name))).toThrow(
    expect.objectContaining({ code: 'CDC-5064', message: expect.stringMatching(message) }),
  );
});

test('two paths to one folder are one lab', () => {
  const dir = join(parent, 'lab');
  mkdirSync(dir);
  symlinkSync(dir, join(parent, 'link'));
  expect(claimStateDir(join(parent, 'link'))).toBe(dir);
});

test('the password is created once, is long, and only its owner may read it', () => {
  const dir = claimStateDir(join(parent, 'lab'));
  const password = readOrMakePassword(dir);
  expect(password).toMatch(/^[\w-]{32,}$/);
  expect(readOrMakePassword(dir)).toBe(password);
  expect(statSync(join(dir, 'secret')).mode & 0o777).toBe(0o600);
  expect(readOrMakePassword(claimStateDir(join(parent, 'other')))).not.toBe(password);
});

test('a disk with too little room is refused, with how much is free and how much is needed', () => {
  const folder = join(parent, 'not', 'there', 'yet');
  expect(freeBytes(folder)).toBeGreaterThan(0);
  expect(() => checkDisk(folder, 0)).not.toThrow();
  expect(() => checkDisk(folder, 2 ** 60)).toThrow(
    expect.objectContaining({
      code: 'CDC-5119',
      message: expect.stringMatching(/^Only [\d.]+ [KMGT]iB are free on the disk of .*yet\.$/),
      remedy: expect.stringContaining('1024 PiB are needed'),
    }),
  );
});
