/**
 * The transactions (32 bits of the xid) that a snapshot hides. It lists those below its xmax that were open; whatever is
 * not below its xmax was open too (documentation, "Snapshot Components").
 * @param snapshot As `pg_current_snapshot()` prints it: `xmin:xmax:xip_list`.
 */
export function hiddenIn(snapshot: string, xids: Iterable<string>): readonly string[] {
  const [, xmax = '', listed = ''] = snapshot.split(':');
  const texts = listed.split(',').filter((xid) => xid !== '');
  const open = new Set(texts.map((xid) => String(BigInt.asUintN(32, BigInt(xid)))));
  const bound = BigInt(xmax);
  return [...xids].filter((xid) => open.has(xid) || BigInt.asIntN(32, BigInt(xid) - bound) >= 0n);
}
