/** Several requests as one that serves them all. */
type Merge<Q> = (one: Q, other: Q) => Q;

/** A run that was requested and has not begun. */
interface Next<Q, R> {
  request: Q;
  readonly run: Promise<R>;
}

/**
 * Runs one thing at a time. Requests that come while one is under way share the next: a
 * run answers only those who asked before it began.
 */
export class Turns<Q, R> {
  readonly #work: (request: Q) => Promise<R>;
  readonly #merge: Merge<Q>;
  #next: Next<Q, R> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(work: (request: Q) => Promise<R>, merge: Merge<Q>) {
    this.#work = work;
    this.#merge = merge;
  }

  /**
   * @param onBegin Called when the run that will answer begins.
   * @throws what the run throws.
   */
  async ask(request: Q, onBegin: () => void = () => undefined): Promise<R> {
    const next = this.#next ?? this.#book(request);
    next.request = this.#merge(next.request, request);
    this.#onBegin.push(onBegin);
    return await next.run;
  }

  /** Resolves when nothing is under way or requested. */
  async idle(): Promise<void> {
    for (let last: Promise<unknown> | null = null; last !== this.#last; ) {
      last = this.#last;
      await last;
    }
  }

  #onBegin: (() => void)[] = [];

  #book(request: Q): Next<Q, R> {
    const run = this.#last.then(async () => {
      const began = this.#onBegin;
      this.#next = null;
      this.#onBegin = [];
      for (const call of began) call();
      return await this.#work(next.request);
    });
    const next: Next<Q, R> = { request, run };
    this.#next = next;
    this.#last = run.catch(() => undefined);
    return next;
  }
}
