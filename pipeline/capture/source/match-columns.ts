/** A column of the catalogue, by attribute number: its name, or null if it was dropped. */
export type Attribute = string | null;

/**
 * Finds the columns of a Relation message, which has the names they had then, in the catalogue, which has
 * today's: a column may have been renamed since. Attribute numbers never change, so both lists have one
 * order. Names that agree and keep that order divide both lists; columns between two such names correspond
 * one to one if none can be missing there.
 * @returns for each column of the message its name today; undefined if it was dropped, or the catalogue cannot tell.
 */
export function matchColumns(then: readonly string[], now: readonly Attribute[]): (string | undefined)[] {
  const places = then.map((name) => now.indexOf(name));
  const dropped = now.includes(null);
  const anchors = places.map((place, i) => (place >= 0 && !isMoved(places, i, dropped) ? place : -1));
  const matched: (string | undefined)[] = anchors.map((place) => now[place] ?? undefined);
  for (let start = 0; start < then.length; start++) {
    if (anchors[start] !== -1) continue;
    let end = start;
    while (end < then.length && anchors[end] === -1) end++;
    const from = start === 0 ? 0 : (anchors[start - 1] ?? -1) + 1;
    const between = now.slice(from, anchors[end] ?? now.length);
    const living = between.filter((name) => name !== null);
    // Behind the last name that agrees, a dropped column may have been followed by new ones.
    const complete = end < then.length || living.length === between.length;
    if (complete && living.length === end - start) matched.splice(start, living.length, ...living);
    start = end;
  }
  return matched;
}

/**
 * True if a name of the message belongs to another column today: it comes after a later name of the message
 * (a new column took the name of a dropped one), or, if none was dropped, the two were renamed.
 */
function isMoved(places: readonly number[], i: number, dropped: boolean): boolean {
  const place = places[i] as number;
  const behindLater = places.some((other, j) => j > i && other >= 0 && other < place);
  const beforeEarlier = places.some((other, j) => j < i && other > place);
  return behindLater || (beforeEarlier && !dropped);
}
