import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const MIB = 1024 * 1024;
/** V8 waits for 64 MiB: its `kExternalAllocationSoftLimit`, which no flag changes. */
const GROWTH_BYTES = 28 * MIB;
const EVERY_MS = 100;

/**
 * Bounds the memory that dead buffers take. Bytes from a socket, and requests on their way to one, lie outside of V8's
 * heap. Those that outlive two scavenges are freed by a full collection only, and V8 starts one when they have grown by
 * 64 MiB since the last: a worker that passes a large transaction on would take that much more than it needs. So it
 * collects when its buffers have grown by less. Where little passes, nothing is collected.
 *
 * @param options For tests.
 */
export function boundBufferGarbage({
  bytes = () => process.memoryUsage().arrayBuffers,
  collect = collector(),
  everyMs = EVERY_MS,
}: {
  readonly bytes?: () => number;
  readonly collect?: () => void;
  readonly everyMs?: number;
} = {}): Disposable {
  let least = bytes();
  const timer = setInterval(() => {
    const now = bytes();
    // V8 may have collected meanwhile, and it frees buffers in the background.
    least = Math.min(least, now);
    if (now - least <= GROWTH_BYTES) return;
    collect();
    // What is left is in use. If it is much, it is not collected for again and again.
    least = bytes();
  }, everyMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** A full collection, as `--expose-gc` gives it, without a flag on the command line. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
