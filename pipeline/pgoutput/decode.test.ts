import { describe, expect, test } from 'vitest';
import {
  beginBytes,
  type Cell,
  commitBytes,
  deleteBytes,
  insertBytes,
  logicalMessageBytes,
  originBytes,
  relationBytes,
  truncateBytes,
  typeBytes,
  unchanged,
  updateBytes,
} from '../../fixtures/pgoutput-bytes.ts';
import { type PgOutputMessage, UNCHANGED_TOAST } from '../contract/pgoutput.ts';
import { createPgOutputDecoder } from './decode.ts';
import { createFastReader } from './fast-path.ts';

const decodePgOutput = createPgOutputDecoder();
const readFastChange = createFastReader();

const AT = 1_709_251_199_123_456n;

/** Message name, its bytes, what they mean. */
const MESSAGES: readonly (readonly [string, Buffer, unknown])[] = [
  [
    'begin',
    beginBytes(0xffffffff_fffffffen, AT, 4_294_967_295),
    { tag: 'begin', finalLsn: 0xffffffff_fffffffen, commitTimeUs: AT, xid: 4_294_967_295 },
  ],
  [
    'commit before 2000',
    commitBytes(16n, 24n, 1n),
    { tag: 'commit', commitLsn: 16n, endLsn: 24n, commitTimeUs: 1n },
  ],
  ['origin', originBytes(5n, 'peer é'), { tag: 'origin', originLsn: 5n, name: 'peer é' }],
  [
    'type in pg_catalog',
    typeBytes(25, '', 'text'),
    { tag: 'type', typeOid: 25, schema: 'pg_catalog', name: 'text' },
  ],
  [
    'relation',
    relationBytes(4_000_000_000, 'Odd "schema"', 'táble', 'f', [
      { name: 'id', typeOid: 23, isIdentity: true },
      { name: 'amount', typeOid: 1700, typeModifier: 786_438 },
    ]),
    {
      tag: 'relation',
      relationOid: 4_000_000_000,
      schema: 'Odd "schema"',
      table: 'táble',
      replicaIdentity: 'full',
      columns: [
        { isIdentity: true, name: 'id', typeOid: 23, typeModifier: -1 },
        { isIdentity: false, name: 'amount', typeOid: 1700, typeModifier: 786_438 },
      ],
    },
  ],
  [
    'insert',
    insertBytes(7, ['1', null, '', unchanged]),
    { tag: 'insert', relationOid: 7, after: ['1', null, '', UNCHANGED_TOAST] },
  ],
  ['insert of no columns', insertBytes(7, []), { tag: 'insert', relationOid: 7, after: [] }],
  [
    'update without old row',
    updateBytes(7, ['1']),
    { tag: 'update', relationOid: 7, beforeKind: 'none', before: null, after: ['1'] },
  ],
  [
    'update with old key',
    updateBytes(7, ['2', 'b'], { kind: 'K', cells: ['1', null] }),
    { tag: 'update', relationOid: 7, beforeKind: 'key', before: ['1', null], after: ['2', 'b'] },
  ],
  [
    'update with old row',
    updateBytes(7, ['1', 'b'], { kind: 'O', cells: ['1', 'a'] }),
    { tag: 'update', relationOid: 7, beforeKind: 'full', before: ['1', 'a'], after: ['1', 'b'] },
  ],
  [
    'delete by key',
    deleteBytes(7, 'K', ['1', null]),
    { tag: 'delete', relationOid: 7, beforeKind: 'key', before: ['1', null] },
  ],
  [
    'delete with old row',
    deleteBytes(7, 'O', ['1', 'a']),
    { tag: 'delete', relationOid: 7, beforeKind: 'full', before: ['1', 'a'] },
  ],
  [
    'truncate',
    truncateBytes([7, 8], 2),
    { tag: 'truncate', relationOids: [7, 8], cascade: false, restartIdentity: true },
  ],
  [
    'truncate cascade',
    truncateBytes([7], 1),
    { tag: 'truncate', relationOids: [7], cascade: true, restartIdentity: false },
  ],
  [
    'logical message',
    logicalMessageBytes(9n, 'pre', Buffer.from([0, 255]), true),
    { tag: 'message', transactional: true, lsn: 9n, prefix: 'pre', content: Buffer.from([0, 255]) },
  ],
];

describe('a message of each type', () => {
  test.each(MESSAGES)('%s is decoded', (_name, bytes, meaning) => {
    expect(decodePgOutput(bytes)).toEqual(meaning);
  });

  test.each(MESSAGES)('%s, cut short anywhere, is an error', (_name, bytes) => {
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodePgOutput(bytes.subarray(0, length)), `${length} bytes`).toThrow(/pgoutput message/);
    }
  });

  test.each(MESSAGES)('%s with an extra byte is an error', (_name, bytes) => {
    expect(() => decodePgOutput(Buffer.concat([bytes, Buffer.from([0])]))).toThrow(/pgoutput message/);
  });

  test('is decoded from the middle of a larger buffer', () => {
    for (const [, bytes, meaning] of MESSAGES) {
      const larger = Buffer.concat([Buffer.from('xx'), bytes, Buffer.from('yy')]);
      expect(decodePgOutput(larger.subarray(2, 2 + bytes.length))).toEqual(meaning);
    }
  });
});

describe('text', () => {
  const texts = [
    'a'.repeat(47),
    'a'.repeat(48),
    'a'.repeat(49),
    'é',
    'aé'.repeat(40),
    '😀',
    '\u0000',
    '\ufffd',
  ];

  test.each(texts)('%j is kept unchanged', (text) => {
    expect(decodePgOutput(insertBytes(1, [text, null, text]))).toMatchObject({ after: [text, null, text] });
  });

  test('that is not UTF-8 is an error', () => {
    const bytes = insertBytes(1, ['ab']);
    bytes[bytes.length - 1] = 0xe9;
    expect(() => decodePgOutput(bytes)).toThrow('column value is not UTF-8');
  });

  test('does not change when its buffer is reused', () => {
    const bytes = insertBytes(1, ['short', 'l'.repeat(200)]);
    const message = decodePgOutput(bytes);
    bytes.fill(0);
    expect(message).toMatchObject({ after: ['short', 'l'.repeat(200)] });
  });
});

test.each([
  ['an unknown type', Buffer.from('Z'), 'type 0x5a is unknown'],
  ['a streamed transaction', Buffer.from('S\0\0\0\u0001\u0001'), 'type 0x53 is unknown'],
  ['an empty message', Buffer.alloc(0), 'type is cut short'],
  ['flags of a commit', commitBytes(1n, 2n, 3n, 1), 'commit has unknown flags'],
  ['a binary column', replaced(insertBytes(1, ['a']), 't', 'b'), 'a column is binary'],
  ['a kind of column', replaced(insertBytes(1, ['a']), 't', 'x'), 'unknown kind'],
  ['options of a truncate', truncateBytes([1], 4), 'unknown options'],
  [
    'a replica identity',
    replaced(relationBytes(1, 's', 'r', 'd', []), 'd', 'z'),
    'replica identity is unknown',
  ],
])('%s that the protocol does not define is an error', (_name, bytes, message) => {
  expect(() => decodePgOutput(bytes)).toThrow(message);
});

test('an error names the message but none of its row values', () => {
  const secret = insertBytes(1, ['4111-1111-1111-1111']);
  const error = caught(() => decodePgOutput(secret.subarray(0, secret.length - 1)));
  expect(error).toMatchObject({ code: 'CDC-1301', message: expect.stringContaining("'I'") });
  expect(JSON.stringify(error) + String(error)).not.toContain('4111');
});

/** Thousands of rounds take a fraction of a second, but much longer on a busy machine. */
const BUSY_MS = 60_000;

test(
  'a damaged message gives a message or an error, and never hangs or yields more than its bytes',
  () => {
    const random = generator(20_240_229);
    for (let round = 0; round < 4_000; round += 1) {
      const source = MESSAGES[random(MESSAGES.length)]?.[1] ?? Buffer.alloc(0);
      const bytes = Buffer.from(source);
      for (let i = random(3); i >= 0; i -= 1) bytes[random(bytes.length)] = random(256);
      const damaged = random(4) === 0 ? bytes.subarray(0, random(bytes.length + 1)) : bytes;
      const message = attempt(damaged);
      // The decoded message accounts for every bit: encoded again, it gives the same bytes.
      if (message !== null && !encoded(message).equals(damaged)) expect(encoded(message)).toEqual(damaged);
    }
  },
  BUSY_MS,
);

test(
  'the fast path reads the same row as the decoder, even from damaged messages',
  () => {
    const random = generator(20_241_121);
    let read = 0;
    for (let round = 0; round < 4_000; round += 1) {
      const bytes = Buffer.from(MESSAGES[random(MESSAGES.length)]?.[1] ?? Buffer.alloc(0));
      for (let i = random(3); i > 0; i -= 1) bytes[random(bytes.length)] = random(256);
      const damaged = random(4) === 0 ? bytes.subarray(0, random(bytes.length + 1)) : bytes;
      // As in the socket's buffer: between other messages.
      const neighbour = MESSAGES[random(MESSAGES.length)]?.[1] ?? Buffer.alloc(0);
      const chunk = Buffer.concat([neighbour, damaged, neighbour]);
      const raw = readFastChange(chunk, neighbour.length, neighbour.length + damaged.length);
      if (raw === undefined) continue;
      const { bytes: held, columns, starts, ends } = raw.after;
      const after = Array.from({ length: columns }, (_, i) =>
        ends[i] === -1 ? null : held.toString('utf8', starts[i], ends[i]),
      );
      // The decoder refuses text that is not UTF-8; users of the fast path take only ASCII without decoding.
      if (after.some((text) => text?.includes('\ufffd'))) continue;
      const before = raw.tag === 'update' ? { beforeKind: 'none', before: null } : {};
      expect(decodePgOutput(damaged)).toEqual({
        tag: raw.tag,
        relationOid: raw.relationOid,
        ...before,
        after,
      });
      read += 1;
    }
    expect(read).toBeGreaterThan(100);
  },
  BUSY_MS,
);

test.each([
  ['an update with the old key', updateBytes(1, ['2'], { kind: 'K', cells: ['1'] })],
  ['an update with the old row', updateBytes(1, ['2'], { kind: 'O', cells: ['1'] })],
  ['a value that was not sent', updateBytes(1, ['2', unchanged])],
  ['a delete', deleteBytes(1, 'K', ['1'])],
  ['bytes left over', Buffer.concat([insertBytes(1, ['1']), Buffer.from([0])])],
])('%s is left to the decoder', (_what, message) => {
  expect(readFastChange(message)).toBeUndefined();
});

function replaced(bytes: Buffer, from: string, to: string): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.indexOf(from)] = to.charCodeAt(0);
  return copy;
}

function caught(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

function attempt(bytes: Buffer): PgOutputMessage | null {
  try {
    return decodePgOutput(bytes);
  } catch (error) {
    expect(error).toMatchObject({ code: 'CDC-1301' });
    return null;
  }
}

/** Deterministic, so that a failure is reproducible. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const IDENTITY = { default: 'd', nothing: 'n', full: 'f', index: 'i' } as const;

function cells(tuple: readonly (string | null | symbol)[]): Cell[] {
  return tuple.map((value) => (typeof value === 'symbol' ? unchanged : value));
}

function encoded(message: PgOutputMessage): Buffer {
  switch (message.tag) {
    case 'begin':
      return beginBytes(message.finalLsn, message.commitTimeUs, message.xid);
    case 'commit':
      return commitBytes(message.commitLsn, message.endLsn, message.commitTimeUs);
    case 'origin':
      return originBytes(message.originLsn, message.name);
    case 'relation':
      return relationBytes(
        message.relationOid,
        message.schema === 'pg_catalog' ? '' : message.schema,
        message.table,
        IDENTITY[message.replicaIdentity],
        message.columns,
      );
    case 'type':
      return typeBytes(message.typeOid, message.schema === 'pg_catalog' ? '' : message.schema, message.name);
    case 'insert':
      return insertBytes(message.relationOid, cells(message.after));
    case 'update':
      return message.before === null
        ? updateBytes(message.relationOid, cells(message.after))
        : updateBytes(message.relationOid, cells(message.after), {
            kind: message.beforeKind === 'key' ? 'K' : 'O',
            cells: cells(message.before),
          });
    case 'delete':
      return deleteBytes(
        message.relationOid,
        message.beforeKind === 'key' ? 'K' : 'O',
        cells(message.before),
      );
    case 'truncate':
      return truncateBytes(
        message.relationOids,
        (message.cascade ? 1 : 0) + (message.restartIdentity ? 2 : 0),
      );
    case 'message':
      return logicalMessageBytes(message.lsn, message.prefix, message.content, message.transactional);
  }
}
