/**
 * Is the replication connection alive? A silent one (no RST, no data) would otherwise look idle for ever.
 * `ask`: request a reply with the next status update. While the socket is paused nothing can be heard.
 */
export function liveness(state: {
  readonly nowMs: number;
  readonly lastHeardMs: number;
  readonly paused: boolean;
  readonly askAfterMs: number;
  readonly deadAfterMs: number;
}): 'alive' | 'ask' | 'dead' {
  if (state.paused) return 'alive';
  const silentMs = state.nowMs - state.lastHeardMs;
  if (silentMs >= state.deadAfterMs) return 'dead';
  return silentMs >= state.askAfterMs ? 'ask' : 'alive';
}
