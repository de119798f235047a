import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { secretSchema, urlWithSecrets, withSecrets } from './secret.ts';

const folder = mkdtempSync(join(tmpdir(), 'cdc-lab-secret-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const AWKWARD = 'p@ss:w/rd?#%7B ${env:HOME} ü';

test('a reference to the environment is followed once: what it gives is not read again', () => {
  process.env.SECRET_TEST = AWKWARD;
  expect(withSecrets('Bearer ${env:SECRET_TEST}', 'it')).toBe(`Bearer ${AWKWARD}`);
});

test('a file is read without the end of its line', () => {
  const path = join(folder, 'password');
  writeFileSync(path, `${AWKWARD}\r\n`);
  expect(withSecrets(`\${file:${path}}`, 'it')).toBe(AWKWARD);
});

test('what is referred to and not there is named, with whose it is', () => {
  delete process.env.SECRET_TEST_UNSET;
  expect(() => withSecrets('${env:SECRET_TEST_UNSET}', 'sink.password')).toThrow(
    'sink.password needs the environment variable SECRET_TEST_UNSET, which is not set',
  );
  const path = join(folder, 'none');
  expect(() => withSecrets(`\${file:${path}}`, 'sink.password')).toThrow(
    `sink.password needs the file ${path}`,
  );
});

test("a URL's password is followed, and survives every character", () => {
  process.env.SECRET_TEST = AWKWARD;
  const url = new URL('postgres://lab@db.test:5432/shop?sslmode=verify-full');
  url.password = encodeURIComponent('${env:SECRET_TEST}');
  expect(decodeURIComponent(url.password)).toBe('${env:SECRET_TEST}');
  const followed = new URL(urlWithSecrets(url.href, 'source.password'));
  expect(decodeURIComponent(followed.password)).toBe(AWKWARD);
  expect(followed.search).toBe('?sslmode=verify-full');
});

test.each([
  'postgres://lab:plain%40word@db.test/shop',
  'postgres://lab@db.test/shop',
  '/var/run/postgresql shop',
])('%s has nothing to follow, and stays as it is', (url) => {
  expect(urlWithSecrets(url, 'it')).toBe(url);
});

test.each(['hunter2', '', '${env:}', '${env:1X}', 'x${env:X}', '$X'])('%j is no reference', (text) => {
  expect(secretSchema.safeParse(text).success).toBe(false);
});
