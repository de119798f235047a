import { dirname } from 'node:path';
import type { Import } from './source-files.ts';

/** Which names import which, by name. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** Builds a graph from arrows `from → to`; a name that is only pointed at is a node too. */
export function graphOf(arrows: Iterable<readonly [from: string, to: string]>): Graph {
  const graph = new Map<string, Set<string>>();
  const at = (name: string): Set<string> => {
    const known = graph.get(name) ?? new Set<string>();
    graph.set(name, known);
    return known;
  };
  for (const [from, to] of arrows) {
    at(from).add(to);
    at(to);
  }
  return graph;
}

/**
 * Groups of nodes that can reach each other: Tarjan's strongly connected components (SIAM J. Comput. 1, 1972)
 * with more than one node, each sorted.
 */
export function cyclesOf(graph: Graph): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const cycles: string[][] = [];
  const visit = (node: string): number => {
    const own = index.size;
    index.set(node, own);
    stack.push(node);
    let lowest = own;
    for (const next of graph.get(node) ?? []) {
      if (!index.has(next)) lowest = Math.min(lowest, visit(next));
      else if (stack.includes(next)) lowest = Math.min(lowest, index.get(next) ?? own);
    }
    low.set(node, lowest);
    if (lowest === own) {
      const group = stack.splice(stack.indexOf(node));
      if (group.length > 1) cycles.push(group.toSorted());
    }
    return lowest;
  };
  for (const node of graph.keys()) if (!index.has(node)) visit(node);
  return cycles;
}

/**
 * The arrows between rooms: from the outermost folder that holds only the importing file to the outermost that holds
 * only the imported one. An import between a folder and its parent is not an arrow between rooms.
 */
export function roomArrows(imports: readonly Import[]): [from: string, to: string][] {
  return imports.flatMap(({ from, to }): [string, string][] => {
    const own = dirname(from).split('/');
    const other = dirname(to).split('/');
    const shared = own.findIndex((name, i) => name !== other[i]);
    if (shared < 0 || other[shared] === undefined) return [];
    return [[own.slice(0, shared + 1).join('/'), other.slice(0, shared + 1).join('/')]];
  });
}
