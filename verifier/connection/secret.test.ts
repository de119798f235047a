import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { secretSchema, urlWithSecrets, withSecrets } from './secret.ts';

const folder = mkdtempSync(join(tmpdir(), 'cdc-lab-secret-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const AWKWARD = 'p@ss:w/rd?#%7B ${env:HOME} ü';

test('a reference to the environment is replaced once: its value is not searched for references', () => {
  process.env.SECRET_TEST = AWKWARD;
  expect(withSecrets('Bearer ${env:SECRET_TEST}', 'it')).toBe(`Bearer ${AWKWARD}`);
});

test('a file is read without its final line break', () => {
  const path = join(folder, 'password');
  writeFileSync(path, `${AWKWARD}\r\n`);
  expect(withSecrets(`\${file:${path}}`, 'it')).toBe(AWKWARD);
});

test('the error for an absent variable or file names it, and the key that needs it', () => {
  delete process.env.SECRET_TEST_UNSET;
  expect(() => withSecrets('${env:SECRET_TEST_UNSET}', 'sink.password')).toThrow(
    'sink.password needs the environment variable SECRET_TEST_UNSET, which is not set',
  );
  const path = join(folder, 'none');
  expect(() => withSecrets(`\${file:${path}}`, 'sink.password')).toThrow(
    `sink.password needs the file ${path}`,
  );
});

test("a reference in a URL's password is replaced, whatever characters the password has", () => {
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
])('%s contains no reference, and stays unchanged', (url) => {
  expect(urlWithSecrets(url, 'it')).toBe(url);
});

test.each(['hunter2', '', '${env:}', '${env:1X}', 'x${env:X}', '$X'])('%j is not a reference', (text) => {
  expect(secretSchema.safeParse(text).success).toBe(false);
});
