import { expect, it } from 'vitest';
import { changedConfig, changesOf, maskedConfig } from './config-change.ts';

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
