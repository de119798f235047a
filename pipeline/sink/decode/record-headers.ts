import { POSITION_HEADER } from '../../contract/position.ts';

type Pair = readonly [name: Buffer | null, value: Buffer | null];

const POSITION_NAME = Buffer.from(POSITION_HEADER);

/**
 * The headers of a record, as the client library decodes them. The map is made lazily: the sink usually looks up the
 * position only, and a map per record would cost more than everything else about its headers.
 */
export class RecordHeaders implements ReadonlyMap<string, Buffer> {
  readonly #pairs: readonly Pair[];
  #map: ReadonlyMap<string, Buffer> | undefined;

  constructor(pairs: readonly Pair[]) {
    this.#pairs = pairs;
  }

  /** If a name occurs twice the last value counts, as in a map. */
  get(name: string): Buffer | undefined {
    const wanted = name === POSITION_HEADER ? POSITION_NAME : Buffer.from(name);
    for (let i = this.#pairs.length - 1; i >= 0; i--) {
      const [found, value] = this.#pairs[i] ?? [null, null];
      if (found !== null && value !== null && found.equals(wanted)) return value;
    }
    return undefined;
  }

  get #all(): ReadonlyMap<string, Buffer> {
    if (this.#map === undefined) {
      const map = new Map<string, Buffer>();
      for (const [name, value] of this.#pairs) {
        if (name !== null && value !== null) map.set(name.toString('utf8'), value);
      }
      this.#map = map;
    }
    return this.#map;
  }

  get size(): number {
    return this.#all.size;
  }
  has(name: string): boolean {
    return this.#all.has(name);
  }
  forEach(callback: (value: Buffer, name: string, map: ReadonlyMap<string, Buffer>) => void): void {
    this.#all.forEach(callback);
  }
  keys(): MapIterator<string> {
    return this.#all.keys();
  }
  values(): MapIterator<Buffer> {
    return this.#all.values();
  }
  entries(): MapIterator<[string, Buffer]> {
    return this.#all.entries();
  }
  [Symbol.iterator](): MapIterator<[string, Buffer]> {
    return this.#all.entries();
  }
}
