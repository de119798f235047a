/** At most so many at a time; the others wait in line, for as long as it takes. */
export class Permits {
  #free: number;
  readonly #line: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#line.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#line.shift();
      // The permit goes straight on to whoever is first in line.
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
