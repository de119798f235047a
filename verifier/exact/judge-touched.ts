import type { KeyRange } from '../compare/ranges.ts';
import { ABSENT, type KeyState, readKeys } from '../compare/read-keys.ts';
import { judge, type WrongClass, type WrongRow } from '../compare/settle.ts';
import type { TablePair } from '../compare/table-pair.ts';
import { IdentitySet } from '../observe/topic/identities.ts';
import type { PairPart, PartOptions, Snapshots, Sums } from './part.ts';
import type { History } from './touched.ts';
import {
  fillVersions,
  type HashedRow,
  halves,
  hashRows,
  hashVersions,
  resolveKeys,
  versionImages,
} from './versions.ts';

/** What a set of rows adds to the digest of each bucket, by the bucket's number. */
type Share = Map<number, Sums>;

/** The allowed "version" of a key that has no row. */
const NO_ROW = 'absent';

/** Judges the touched keys of one part: each must show, in the sink, a version that it had between the snapshots. */
export class TouchedKeys {
  /** Hashes of the keys. The texts of millions of keys would take too much memory. */
  readonly hashes = new IdentitySet();
  readonly sourceRows: Share = new Map();
  readonly sinkRows: Share = new Map();
  readonly wrong: WrongRow[] = [];
  /** Wrong keys beyond `maxSettledKeys`, which were not read, by class. */
  readonly beyond = new Map<WrongClass, number>();
  readonly #snapshots: Snapshots;
  readonly #whole: TablePair;
  readonly #pair: TablePair;
  readonly #range: KeyRange;
  readonly #buckets: number;
  readonly #options: PartOptions;

  constructor(snapshots: Snapshots, { whole, part, pair }: PairPart, buckets: number, options: PartOptions) {
    this.#snapshots = snapshots;
    this.#whole = whole;
    this.#pair = pair;
    this.#range = part.range;
    this.#buckets = buckets;
    this.#options = options;
  }

  /** Judges some keys. @param all Keys as the stream names them, with their histories. */
  async take(all: readonly (readonly [string, History])[]): Promise<void> {
    const { source, sink, control } = this.#snapshots;
    const raw = all.map(([key]) => key);
    const keys = await resolveKeys(control, this.#whole, raw, { range: this.#range });
    const inside = all.filter((_, i) => keys[i]?.inside === true);
    const texts = keys.filter((key) => key.inside).map(({ text }) => text);
    if (texts.length === 0) return;
    const before = await hashRows(source, this.#pair, 'source', this.#buckets, texts);
    const now = await hashRows(sink, this.#pair, 'sink', this.#buckets, texts);
    for (const row of before) addTo(this.sourceRows, row);
    for (const row of now) addTo(this.sinkRows, row);
    for (const key of keys) if (key.inside) this.hashes.addWords(...halves(key.hash));
    const [ours, theirs] = [hashesOf(before), hashesOf(now)];
    const versions = inside.flatMap(([, history]) => history.filter((version) => version !== null));
    // Look in the whole table, not only in the part: the row may have had another key, which belongs to another part.
    const filled = await fillVersions(source, control, this.#whole, versions);
    const hashes = await hashVersions(control, this.#pair, filled);
    const unchanged = await this.#unchanged(texts, filled);
    let at = 0;
    for (const [i, [, history]] of inside.entries()) {
      const text = texts[i] ?? '';
      const from = at;
      const allowed = new Set([...(ours.get(text) ?? [NO_ROW]), ...(unchanged.rows.get(text) ?? [])]);
      for (const version of history) {
        if (version === null) allowed.add(NO_ROW);
        else {
          allowed.add(hashes[at] ?? '').add(unchanged.versions[at] ?? '');
          at++;
        }
      }
      const shown = theirs.get(text) ?? [];
      if (shown.length <= 1 && allowed.has(shown[0] ?? NO_ROW)) continue;
      if (this.wrong.length >= this.#options.maxSettledKeys) this.#count(shown.length);
      else await this.#judge(text, filled.slice(from, at));
    }
  }

  /** Hashes of what the sink may have as well: values that no setting of the capture has changed. */
  async #unchanged(texts: readonly string[], versions: readonly (readonly (string | null)[])[]) {
    const { unchangedHash: hash } = this.#pair;
    if (hash === null) return { rows: new Map<string, string[]>(), versions: [] };
    const { source, control } = this.#snapshots;
    const rows = await hashRows(source, this.#pair, 'source', this.#buckets, texts, hash);
    return { rows: hashesOf(rows), versions: await hashVersions(control, this.#whole, versions, hash) };
  }

  #count(rows: number): void {
    const name = rows === 0 ? 'missing' : rows > 1 ? 'duplicate' : 'corrupted';
    this.beyond.set(name, (this.beyond.get(name) ?? 0) + Math.max(1, rows - 1));
  }

  /**
   * Compares with the version that is nearest to what the sink holds, so that only the columns that are wrong are named.
   * @param versions Values of each version that is a row.
   */
  async #judge(text: string, versions: readonly (readonly (string | null)[])[]): Promise<void> {
    const { source, sink, control } = this.#snapshots;
    const theirs = (await readKeys(sink, this.#pair, 'sink', [text])).get(text) ?? ABSENT;
    const first = (await readKeys(source, this.#pair, 'source', [text])).get(text);
    const images = await versionImages(control, this.#pair, versions);
    const later = images.map((image): KeyState => ({ ...ABSENT, rows: 1, image, digests: ['version'] }));
    const states = first === undefined ? later : [first, ...later];
    const nearest = states.sort((a, b) => distance(a, theirs) - distance(b, theirs))[0];
    const row = { keyText: text, source: nearest ?? ABSENT, sink: theirs, span: null };
    if (theirs.rows === 0) this.wrong.push({ ...row, class: 'missing', count: 1, columns: [] });
    else if (nearest === undefined)
      this.wrong.push({ ...row, class: 'extra', count: theirs.rows, columns: [] });
    else if (theirs.rows > 1 && distance(nearest, theirs) === 0) {
      this.wrong.push({ ...row, class: 'duplicate', count: theirs.rows - 1, columns: [] });
    } else this.wrong.push(...judge(this.#pair, text, nearest, theirs, this.#options.versionColumn));
  }
}

function addTo(share: Share, { bucket, hash }: HashedRow): void {
  const own = share.get(bucket) ?? { rows: 0, sum: 0n };
  share.set(bucket, { rows: own.rows + 1, sum: own.sum + hash });
}

function hashesOf(rows: readonly HashedRow[]): ReadonlyMap<string, string[]> {
  const hashes = new Map<string, string[]>();
  for (const { text, hash } of rows) {
    const own = hashes.get(text) ?? [];
    hashes.set(text, [...own, String(hash)]);
  }
  return hashes;
}

/** Number of columns in which two rows differ. */
function distance(a: KeyState, b: KeyState): number {
  return (a.image ?? []).filter((value, i) => value !== b.image?.[i]).length;
}
