import { expect, test } from 'vitest';
import { readMessage, textOf, UNCHANGED } from './test-decoding.ts';

function change(text: string) {
  const message = readMessage(text);
  if (message.tag !== 'change') throw new Error(`${message.tag} is no change`);
  const { old, new: after, ...rest } = message;
  return { ...rest, old: old && Object.fromEntries(old), new: after && Object.fromEntries(after) };
}

test('bytes that are not UTF-8 are refused, not replaced', () => {
  expect(textOf(Buffer.from("\uFEFFé'"))).toBe("\uFEFFé'");
  const lone = Buffer.concat([
    Buffer.from('table public.t: INSERT: h["char"]:\''),
    Buffer.from([0xc3, 0x27]),
  ]);
  expect(() => textOf(lone)).toThrow('not UTF-8');
});

test('an insert is read column by column, and the types are skipped', () => {
  const text =
    "table public.items: INSERT: id[integer]:1 name[character varying]:'it''s' tags[text[]]:'{\"a b\",c}' " +
    "bits[bit varying]:B'101' ok[boolean]:true n[numeric]:-1.10 gone[text]:null nil[text]:'null'";
  expect(change(text)).toEqual({
    tag: 'change',
    table: 'public.items',
    op: 'INSERT',
    old: null,
    new: {
      id: '1',
      name: "it's",
      tags: '{"a b",c}',
      bits: '101',
      ok: 'true',
      n: '-1.10',
      gone: null,
      nil: 'null',
    },
  });
});

test('an update that changes the key carries the old key, and names unchanged TOAST values', () => {
  const text =
    "table public.d: UPDATE: old-key: id[integer]:1 new-tuple: id[integer]:2 body[text]:unchanged-toast-datum t[text]:'unchanged-toast-datum'";
  expect(change(text)).toMatchObject({
    op: 'UPDATE',
    old: { id: '1' },
    new: { id: '2', body: UNCHANGED, t: 'unchanged-toast-datum' },
  });
});

test('hostile names and values do not derail the parser', () => {
  const text =
    'table "we.ird"."ta: ble, x": UPDATE: old-key: "a]:b"["s"."ty]:pe"[]]:\' new-tuple: \' ' +
    'new-tuple: "a]:b"["s"."ty]:pe"[]]:\'x\n: DELETE:\' "q""q"[text]:\'\'';
  expect(change(text)).toEqual({
    tag: 'change',
    table: '"we.ird"."ta: ble, x"',
    op: 'UPDATE',
    old: { 'a]:b': ' new-tuple: ' },
    new: { 'a]:b': 'x\n: DELETE:', 'q"q': '' },
  });
});

test('a delete without a replica identity has no old row', () => {
  expect(change('table public.t: DELETE: (no-tuple-data)')).toMatchObject({ op: 'DELETE', old: null });
  expect(change('table public.t: DELETE: a[integer]:3')).toMatchObject({ old: { a: '3' }, new: null });
});

test('a truncate names all of its tables', () => {
  expect(readMessage('table public.a, "B".c: TRUNCATE: restart_seqs cascade')).toEqual({
    tag: 'truncate',
    tables: ['public.a', '"B".c'],
  });
});

test('the ends of a transaction and logical messages are not changes', () => {
  const logical = 'message: transactional: 1 prefix: p, sz: 9 content:table a.b: DELETE:';
  const tags = ['BEGIN 742', 'COMMIT', logical].map((text) => readMessage(text).tag);
  expect(tags).toEqual(['begin', 'commit', 'other']);
});

test('text that is not a message is an error, which does not contain its values', () => {
  expect(() => readMessage("table public.t: INSERT: a[text]:'secret")).toThrow(/^(?!.*secret)/);
  expect(() => readMessage('something else')).toThrow(/test_decoding/);
});
