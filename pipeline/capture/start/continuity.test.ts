import { expect, test } from 'vitest';
import { parseLsn, ZERO_LSN } from '../source/lsn-text.ts';
import { switchPoint } from '../source/slot.ts';
import { judgeContinuity, type StartState } from './continuity.ts';

const healthy: StartState & { slot: object; stored: object } = {
  slotName: 's',
  database: 'd',
  slot: {
    name: 's',
    plugin: 'pgoutput',
    type: 'logical',
    database: 'd',
    active: false,
    activePid: null,
    confirmedFlushLsn: parseLsn('0/100'),
    walStatus: 'reserved',
    invalidationReason: null,
  },
  system: { systemIdentifier: '1', timeline: 2, walEnd: parseLsn('0/900') },
  history: '1\t0/500\tno recovery target specified\n',
  stored: {
    flushLsn: parseLsn('0/200'),
    lastCommitLsn: null,
    xid: null,
    commitTimeUs: null,
    timeline: 2,
    systemIdentifier: '1',
    slot: 's',
    snapshotCompleted: true,
    snapshots: [],
    readWhole: {},
  },
};

const code = (state: StartState) => judgeContinuity(state)?.code;
const slot = (patch: object): StartState => ({ ...healthy, slot: { ...healthy.slot, ...patch } });
const stored = (patch: object): StartState => ({ ...healthy, stored: { ...healthy.stored, ...patch } });

test('a slot at or behind the stored position continues', () => {
  expect(code(healthy)).toBeUndefined();
  expect(code(slot({ confirmedFlushLsn: parseLsn('0/200') }))).toBeUndefined();
  expect(code(slot({ confirmedFlushLsn: null }))).toBeUndefined();
  expect(code({ ...healthy, stored: null })).toBeUndefined();
});

test('each kind of gap has its error code', () => {
  expect(code(slot({ plugin: 'wal2json' }))).toBe('CDC-1101');
  expect(code(slot({ database: 'other' }))).toBe('CDC-1102');
  expect(code(slot({ walStatus: 'lost' }))).toBe('CDC-1103');
  expect(code(slot({ invalidationReason: 'idle_timeout' }))).toBe('CDC-1103');
  expect(code(stored({ systemIdentifier: '2' }))).toBe('CDC-1104');
  expect(code({ ...healthy, slot: undefined })).toBe('CDC-1106');
  expect(code(slot({ confirmedFlushLsn: parseLsn('0/201') }))).toBe('CDC-1107');
  expect(code(stored({ flushLsn: parseLsn('0/901') }))).toBe('CDC-1108');
});

test('an earlier timeline continues if the server left it after the position, and not otherwise', () => {
  expect(code(stored({ timeline: 1 }))).toBeUndefined();
  expect(code(stored({ timeline: 1, flushLsn: parseLsn('0/501') }))).toBe('CDC-1105');
  expect(code({ ...stored({ timeline: 1 }), history: '' })).toBe('CDC-1105');
});

test('an offset written by hand, without server and timeline, is judged by its position', () => {
  expect(code(stored({ timeline: null, systemIdentifier: null }))).toBeUndefined();
  expect(code(stored({ timeline: null, systemIdentifier: null, flushLsn: ZERO_LSN }))).toBe('CDC-1107');
});

test('the history of a timeline names the switch point of each ancestor', () => {
  const history = '1\t0/500\treason\n\n# comment\n2\t1/A0\treason\n';
  expect(switchPoint(history, 1)).toBe(0x500n);
  expect(switchPoint(history, 2)).toBe(0x1_0000_00a0n);
  expect(switchPoint(history, 3)).toBeUndefined();
});
