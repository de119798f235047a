type Pair = readonly [name: Buffer | null, value: Buffer | null];

const nameBytes = new Map<string, Buffer>();

function bytesOf(name: string): Buffer {
  let bytes = nameBytes.get(name);
  if (bytes === undefined) {
    bytes = Buffer.from(name);
    // Asked for by the code, so few.
    nameBytes.set(name, bytes);
  }
  return bytes;
}

/**
 * Headers of a record, as the client library decodes them. A map of them is made only for whoever wants more than one
 * by its name: the sink looks up the position, and a map for each record costs more than all else about its headers.
 */
export class RecordHeaders implements ReadonlyMap<string, Buffer> {
  readonly #pairs: readonly Pair[];
  #map: ReadonlyMap<string, Buffer> | undefined;

  constructor(pairs: readonly Pair[]) {
    this.#pairs = pairs;
  }

  /** Where a name stands twice the last one counts, as in a map. */
  get(name: string): Buffer | undefined {
    const wanted = bytesOf(name);
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
