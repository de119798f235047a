import { expect, test } from 'vitest';
import { Secrets } from './secrets.ts';

const redacted = (config: Record<string, string>, text: string): string => {
  const secrets = new Secrets({ SINK_PASSWORD: 'hunter2' });
  secrets.resolve(config);
  return secrets.redact(text);
};

test.each([
  ['jdbc:postgresql://h/d?user=u&password=hunter2&sslmode=require', 'hunter2'],
  ['jdbc:postgresql://h/d?password=${env:SINK_PASSWORD}', 'hunter2'],
  ['jdbc:postgresql://h/d?password=hun%2Fter+2', 'hun/ter 2'],
  ['jdbc:postgresql://u:hunter2@h/d', 'hunter2'],
])('the password in %s is redacted in every text', (url, password) => {
  const text = redacted({ 'connection.url': url }, `failed with ${password} of ${url}`);
  expect(text).toMatch(/^failed with \*\*\* of jdbc:postgresql:/);
  expect(text).not.toMatch(/hun/);
});

test('a URL without a password is not redacted', () => {
  const url = 'jdbc:postgresql://host.test:5432/database?sslmode=require&user=somebody';
  expect(redacted({ 'connection.url': url }, url)).toBe(url);
});
