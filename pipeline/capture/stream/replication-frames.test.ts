import { expect, test } from 'vitest';
import type { Lsn } from '../../contract/lsn.ts';
import { parseReplicationFrame, standbyStatusUpdate } from './replication-frames.ts';

const lsn = (n: bigint) => n as Lsn;

test('a status update has the layout of the protocol, with its clock counted from 2000', () => {
  const bytes = standbyStatusUpdate({
    written: lsn(0x1_0000_0003n),
    flushed: lsn(0x1_0000_0002n),
    applied: lsn(0x1_0000_0001n),
    nowMs: 946_684_800_001,
    replyRequested: true,
  });
  expect(bytes.toString('hex')).toBe(
    ['72', '0000000100000003', '0000000100000002', '0000000100000001', '00000000000003e8', '01'].join(''),
  );
});

test('XLogData and keepalives are parsed', () => {
  const wal = Buffer.from(`77${'000000010000000a'}${'000000010000000b'}${'0'.repeat(16)}c0ffee`, 'hex');
  expect(parseReplicationFrame(wal)).toEqual({
    tag: 'wal',
    start: 0x1_0000_000an,
    serverEnd: 0x1_0000_000bn,
    payloadStart: 25,
  });
  const chunk = Buffer.concat([Buffer.from('w..'), wal, Buffer.from('w..')]);
  expect(parseReplicationFrame(chunk, 3, 3 + wal.length)).toEqual({
    ...parseReplicationFrame(wal),
    payloadStart: 28,
  });
  const keepalive = Buffer.from(`6b${'000000010000000b'}${'0'.repeat(16)}01`, 'hex');
  expect(parseReplicationFrame(keepalive)).toEqual({
    tag: 'keepalive',
    serverEnd: 0x1_0000_000bn,
    replyRequested: true,
  });
});

test.each(['', '77', '6b00', 'ff00', `6b${'0'.repeat(36)}`])('the frame "%s" is refused', (hex) => {
  expect(() => parseReplicationFrame(Buffer.from(hex, 'hex'))).toThrow(/Unknown replication frame/);
});
