import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Database } from '../../../verifier/connection/postgres.ts';
import { UsageError } from '../../errors.ts';
import { managedService, soundsLikeProduction } from './managed-hosts.ts';
import { readMarker } from './marker.ts';
import { connectOf, type ExternalConfig } from './target-config.ts';

/** A reason why the lab may only look, and what would change that. */
export interface Objection {
  /** A clause without a full stop. */
  readonly why: string;
  readonly remedy: string;
}

/** What is needed of the source. */
type Asked = Pick<Database, 'query' | 'one'>;

/**
 * Every reason not to break that target on purpose; empty if it may be broken.
 * @param own The value of `--i-own-this-target`, if given.
 */
export async function objections(
  config: ExternalConfig,
  source: Asked,
  own: string | null,
): Promise<Objection[]> {
  const found = [
    ...(await hostObjections(config)),
    ...nameObjections(config),
    ...(await slotObjections(config, source)),
  ];
  const { database } = config.source;
  if (own === database) return found;
  if (own !== null) {
    const why = `--i-own-this-target says ${own}, and the source database is ${database}`;
    return [...found, { why, remedy: `Pass --i-own-this-target ${database}, if that is the one.` }];
  }
  const marker = await readMarker(source);
  if (marker.tag === 'marked') return found;
  const remedy =
    `If ${database} is yours to break: cdc-lab config mark --i-own-this-target ${database}, once; ` +
    `or --i-own-this-target ${database} each time.`;
  const why =
    marker.tag === 'unmarked'
      ? `the database ${database} does not carry the lab's marker`
      : `the marker in ${database} was made for ${marker.of}`;
  return [...found, { why, remedy }];
}

/** @throws UsageError with every objection, if there is one. */
export function mustBeOwned(found: readonly Objection[]): void {
  if (found.length === 0) return;
  const why = found.map((one) => one.why).join('; ');
  const remedies = [...new Set(found.map((one) => one.remedy))].join(' ');
  throw new UsageError(`This target is only looked at, not broken: ${why}.`, remedies);
}

const RESOLVE_MS = 2_000;
/** As far as resolvers usually follow a chain. */
const ALIAS_HOPS = 8;
const NAME_IT = 'If it is yours to break, list its name under `owned` in the configuration.';

async function hostObjections(config: ExternalConfig): Promise<Objection[]> {
  const found: Objection[] = [];
  for (const host of hostsOf(config)) {
    if (config.owned.includes(host)) continue;
    const service = managedService(host) ?? (await serviceBehind(host));
    if (service !== null) found.push({ why: `${host} is a host of ${service}`, remedy: NAME_IT });
    else if (soundsLikeProduction(host))
      found.push({ why: `the host name ${host} sounds like production`, remedy: NAME_IT });
  }
  return found;
}

function hostsOf(config: ExternalConfig): Set<string> {
  const urls = (['source', 'sink'] as const).map((role) => new URL(connectOf(config, role).url).hostname);
  const brokers = config.kafka.bootstrapServers.map((server) => server.replace(/:\d+$/, ''));
  return new Set([config.source.host, config.sink.host, ...brokers, ...urls]);
}

type ResolveCname = (name: string) => Promise<readonly string[]>;

/**
 * The managed service behind a host name that is an alias, directly or through other aliases; null if the resolver
 * reports none.
 */
export async function serviceBehind(
  host: string,
  resolveCname: ResolveCname = (name) => new Resolver({ timeout: RESOLVE_MS, tries: 1 }).resolveCname(name),
): Promise<string | null> {
  if (isIP(host.replace(/^\[|\]$/g, '')) !== 0 || host === 'localhost') return null;
  let name: string | undefined = host;
  for (let hop = 0; hop < ALIAS_HOPS && name !== undefined; hop++) {
    const aliases: readonly string[] = await resolveCname(name).catch(() => []);
    const service = aliases.map(managedService).find((found) => found !== null);
    if (service !== undefined) return service;
    // A name has at most one alias target.
    name = aliases[0];
  }
  return null;
}

function nameObjections({ source, sink, owned }: ExternalConfig): Objection[] {
  const names = new Set([source.database, sink.database]);
  return [...names]
    .filter((name) => soundsLikeProduction(name) && !owned.includes(name))
    .map((name) => ({ why: `the database name ${name} sounds like production`, remedy: NAME_IT }));
}

/** Replication slots of others who read this database's changes, and of standby servers. Slots of other databases do not
 * matter. */
async function slotObjections(config: ExternalConfig, source: Asked): Promise<Objection[]> {
  const rows = await source.query(
    `SELECT slot_name AS name, slot_type AS type FROM pg_replication_slots
      WHERE NOT temporary AND slot_name <> $1 AND (slot_type = 'physical' OR database = current_database())
      ORDER BY 1`,
    [config.source.slot],
  );
  return rows
    .filter(({ name }) => !config.owned.includes(name ?? ''))
    .map(({ name, type }) => {
      const whom =
        type === 'physical' ? 'a standby server depends on' : 'another program reads the changes through';
      return { why: `${whom} the replication slot ${name}`, remedy: NAME_IT };
    });
}
