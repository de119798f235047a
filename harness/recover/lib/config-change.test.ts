import { expect, it } from 'vitest';
import { changedConfig, changesOf, maskedConfig, shown, withoutSecrets } from './config-change.ts';

const before = { 'insert.mode': 'insert', 'field.include.list': 'a', 'connection.password': 'hunter2' };

it('sets and removes keys, and keeps the others', () => {
  const wanted = { set: { 'insert.mode': 'upsert', 'batch.size': '10' }, remove: ['field.include.list'] };
  expect(changedConfig(before, wanted)).toEqual({
    'insert.mode': 'upsert',
    'batch.size': '10',
    'connection.password': 'hunter2',
  });
  expect(changesOf(before, wanted).map(({ key, from, shown }) => ({ key, from, shown }))).toEqual([
    { key: 'insert.mode', from: 'insert', shown: 'upsert, formerly insert' },
    { key: 'field.include.list', from: 'a', shown: 'removed, formerly a' },
    { key: 'batch.size', from: null, shown: '10, not set before' },
  ]);
});

it('changes nothing where everything is so already', () => {
  expect(changesOf(before, { set: { 'insert.mode': 'insert' }, remove: ['no.such.key'] })).toEqual([]);
});

it('shows no secret, but the placeholder for one', () => {
  const [change] = changesOf(before, { set: { 'connection.password': 'other' }, remove: [] });
  expect(change).toMatchObject({ shown: '********, formerly ********', isSecret: true });
  const placeholder = '${' + 'env:PGPASSWORD}';
  expect(maskedConfig({ ...before, 'database.password': placeholder })).toMatchObject({
    'connection.password': '********',
    'database.password': placeholder,
  });
});

it.each([
  ['jdbc:postgresql://h/db?user=a&password=hunter2&ssl=true', '********&ssl=true'],
  ['postgresql://u:hunter2@h/db', 'postgresql://u:********@h/db'],
  ['http://u:hun:t@er2@h/db', 'http://u:********@h/db'],
  ['jdbc:postgresql://h/db?sslpassword=hunter2', 'sslpassword=********'],
])('masks the password in the URL %s', (url, masked) => {
  expect(shown('connection.url', url)).toContain(masked);
  expect(changesOf({ 'connection.url': url }, { set: {}, remove: ['connection.url'] })).toMatchObject([
    { isSecret: true, shown: expect.not.stringMatching(/hunter2|er2/) },
  ]);
});

it('leaves a URL without a password as it is, also one with a placeholder', () => {
  for (const url of [
    'jdbc:postgresql://h:5432/db?user=a',
    'a://b:1,c://d:2',
    `x://h/?password=${'$'}{env:PW}`,
  ])
    expect(shown('connection.url', url)).toBe(url);
});

it('keeps secrets out of what a worker says of a configuration', () => {
  const config = { 'connection.password': 'hunter2', 'connection.url': 'postgresql://u:hunter3@h/db' };
  const said = withoutSecrets('no user hunter2 at postgresql://u:hunter3@h/db, postgresql://u:x4@i', config);
  expect(said).toBe('no user ******** at postgresql://u:********@h/db, postgresql://u:********@i');
});
