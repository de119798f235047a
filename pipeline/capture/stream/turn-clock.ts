let nowMs: number | undefined;

/**
 * Milliseconds since the epoch, read once in a turn of the event loop. Hot path: a chunk of the socket holds hundreds
 * of changes, decoded in one turn, and the clock would cost as much as a column of each.
 */
export function turnTimeMs(): number {
  if (nowMs === undefined) {
    nowMs = Date.now();
    setImmediate(forget);
  }
  return nowMs;
}

function forget(): void {
  nowMs = undefined;
}
