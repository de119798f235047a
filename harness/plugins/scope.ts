import { PRIVATE_SERVERS } from '../lab/lab.ts';

/**
 * What a fault or a step may change, hold up or take down: its pipeline alone, a server that others use, or all. `set-up` is
 * more of a pipeline than a heal brings back: its connectors' configuration, offsets, slot, topics or sink tables.
 */
export const SCOPES = ['instance', 'set-up', ...PRIVATE_SERVERS, 'machine'] as const;
export type Scope = (typeof SCOPES)[number];

/** What is touched; a function where it depends on the parameters. */
export type Touches<P> = readonly Scope[] | ((params: P) => readonly Scope[]);

/** What a fault touches that takes down one service by its name: `capture`, `pg-source`, `kafka-2`. */
export function serviceScope(service: string): readonly Scope[] {
  const server = PRIVATE_SERVERS.find((name) => service === name || service.startsWith(`${name}-`));
  return [server ?? 'instance'];
}
