import type { Lsn } from '../../pipeline/contract/lsn.ts';

/** Parses an LSN as PostgreSQL prints it, `16/B374D848`. @throws if the text is not an LSN. */
export function readLsn(text: string): Lsn {
  const match = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text);
  if (match === null) throw new Error(`not an LSN: ${JSON.stringify(text)}`);
  return ((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)) as Lsn;
}

/** Prints an LSN as PostgreSQL does. */
export function printLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase();
}
