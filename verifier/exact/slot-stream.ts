import { messageOf } from '../../pipeline/contract/errors.ts';
import type { Lsn } from '../../pipeline/contract/lsn.ts';
import { durationText } from '../units.ts';
import type { OwnSlot } from './own-slot.ts';
import { NotExact } from './snapshot-pair.ts';
import { TooMuchTouched, type Touched } from './touched.ts';

/** The slot's stream, read in the background from the start, so that the slot holds back no WAL. */
export class SlotStream {
  readonly #ended: Promise<void>;
  #target: Lsn | null = null;

  /** @param touched Receives every change. */
  constructor(slot: OwnSlot, touched: Touched) {
    const reached = (lsn: Lsn): boolean => this.#target !== null && lsn >= this.#target;
    this.#ended = slot.stream({
      onMessage: (message, lsn, bytes) => {
        touched.add(message, bytes);
        return message.tag === 'commit' && reached(lsn);
      },
      onPosition: reached,
    });
    this.#ended.catch(() => undefined);
  }

  /** Awaits other work while the stream runs. @throws NotExact if the work fails or the stream breaks first. */
  async during<T>(work: Promise<T>): Promise<T> {
    work.catch(() => undefined);
    const broken = this.#ended.then(() => Promise.reject(new Error('the stream ended early')));
    broken.catch(() => undefined);
    try {
      return await Promise.race([work, broken]);
    } catch (error) {
      throw asNotExact(error);
    }
  }

  /** Reads the stream up to the target. @throws NotExact if it breaks, or does not reach the target in time. */
  async drainTo(target: Lsn, drainMs: number, signal: AbortSignal): Promise<void> {
    this.#target = target;
    const late = Promise.withResolvers<never>();
    const timedOut = `the slot's stream did not reach its target within ${durationText(drainMs)}`;
    const timer = setTimeout(() => late.reject(new NotExact(timedOut)), Math.max(0, drainMs));
    const abort = (): void => late.reject(new NotExact('the verification was stopped'));
    signal.addEventListener('abort', abort, { once: true });
    try {
      await Promise.race([this.#ended, late.promise]);
    } catch (error) {
      throw asNotExact(error);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }
}

function asNotExact(error: unknown): NotExact {
  if (error instanceof NotExact) return error;
  return new NotExact(messageOf(error), { mayPass: !(error instanceof TooMuchTouched), cause: error });
}
