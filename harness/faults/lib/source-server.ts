/**
 * `harness/faults/lib`: what several faults do alike, to a snapshot's chunk or to a source that one pipeline has for itself.
 * In: the fault's context, and a runtime that can copy a server's data and start a server on the copy.
 * Out: held chunks; standbys, slots on them, another server under the same address, what a server says of its history.
 * Promises: only private servers are touched; nothing is promoted or replaced before its copy is whole.
 */

import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withDatabase } from '../../../fixtures/database.ts';
import { connectionOptions } from '../../../verifier/connection/connection-string.ts';
import { serviceName, startIfDown } from '../../access/instance-services.ts';
import type { Instance } from '../../lab/lab.ts';
import type { Proof } from '../../lab/runtime.ts';
import type { FaultContext } from '../../plugins/fault.ts';
import { until } from '../../wait.ts';

/** The label of the standby's data. */
export const STANDBY = 'standby';
/** The label of an earlier copy of the source's data. */
export const EARLIER = 'earlier';
/** Physical slot of the standby on its primary. */
const STANDBY_SLOT = 'cdc_lab_standby';

type Context = Pick<FaultContext, 'lab' | 'instance' | 'access' | 'signal' | 'withinMs'>;

/** The service that is the instance's source. */
export const sourceService = (instance: Instance): string => serviceName(instance, 'pg-source');

/** How to reach the pipeline's database, or another one, on a copy of its source. */
export function onPort({ sourceUrl }: Pick<Instance, 'sourceUrl'>, port: number, database?: string) {
  const url = new URL(sourceUrl);
  url.port = String(port);
  if (database !== undefined) url.pathname = `/${database}`;
  return connectionOptions(url.href, 'source.password');
}

/**
 * A standby of the source by a low-level base backup: `pg_backup_start`, the files, `pg_backup_stop`, `standby.signal`
 * (https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP). Like any base backup it has
 * no replication slots.
 * @param syncsSlots Whether the standby has a physical slot and feedback, as the synchronisation of slots needs.
 */
export async function startStandby(
  context: Context,
  syncsSlots: boolean,
): Promise<{ readonly port: number }> {
  const { lab, instance, access } = context;
  const service = sourceService(instance);
  await access.query('source', `ALTER SYSTEM SET wal_keep_size = '256MB'`);
  await access.query('source', 'SELECT pg_reload_conf()');
  if (syncsSlots)
    await access.query('source', `SELECT pg_create_physical_replication_slot('${STANDBY_SLOT}', true)`);
  const label = await baseBackup(context, service);
  const { hostname, port, username } = new URL(instance.sourceUrl);
  const started = await lab.runtime.startCopy?.(service, STANDBY, {
    settings: [
      `primary_conninfo = 'host=${hostname} port=${port} user=${username} dbname=postgres application_name=${STANDBY}'`,
      ...(syncsSlots ? [`primary_slot_name = '${STANDBY_SLOT}'`, 'hot_standby_feedback = on'] : []),
    ],
    files: { backup_label: label, 'standby.signal': '' },
  });
  await untilReplayed(context);
  return { port: Number(started?.evidence.port) };
}

/** @returns The content of `backup_label`. */
async function baseBackup({ lab, instance }: Context, service: string): Promise<string> {
  return withDatabase(connectionOptions(instance.sourceUrl, 'source.password'), async (client) => {
    await client.query(`SELECT pg_backup_start('cdc-lab', fast => true)`);
    const copied = await lab.runtime.copyData?.(service, STANDBY);
    const { rows } = await client.query<{ labelfile: string }>(
      'SELECT labelfile FROM pg_backup_stop(wait_for_archive => false)',
    );
    const slots = join(String(copied?.evidence.to), 'pg_replslot');
    for (const slot of readdirSync(slots)) rmSync(join(slots, slot), { recursive: true });
    return rows[0]?.labelfile ?? '';
  });
}

/** Until the standby has replayed what the source has written up to now. */
export async function untilReplayed({ access, signal, withinMs }: Context): Promise<void> {
  const [now] = await access.query('source', 'SELECT pg_current_wal_lsn()::text AS lsn');
  const replayed = async () => {
    const [row] = await access.query(
      'source',
      `SELECT replay_lsn >= $2::pg_lsn AS is FROM pg_stat_replication WHERE application_name = $1`,
      [STANDBY, now?.lsn],
    );
    return row?.is === true;
  };
  await until(replayed, { what: `the standby to replay ${String(now?.lsn)}`, withinMs, everyMs: 50, signal });
}

/** Copies the capture's slot to the standby, and waits until it would survive a promotion. */
export async function syncSlot(context: Context, port: number): Promise<void> {
  const { access, instance, signal, withinMs } = context;
  await withDatabase(onPort(instance, port), async (standby) => {
    const synced = async () => {
      // The standby must have seen which transactions run: the primary says so in its WAL.
      await access.query('source', 'SELECT pg_log_standby_snapshot()');
      await standby.query('SELECT pg_sync_replication_slots()');
      const { rows } = await standby.query(
        'SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND synced AND NOT temporary',
        [instance.slot],
      );
      return rows.length > 0;
    };
    await until(synced, {
      what: `slot ${instance.slot} to be on the standby`,
      withinMs,
      everyMs: 200,
      signal,
    });
  });
}

/** Ends the standby's connection to its primary, for good. */
export async function cutStandby({ instance, signal, withinMs }: Context, port: number): Promise<void> {
  await withDatabase(onPort(instance, port), async (standby) => {
    await standby.query(`ALTER SYSTEM SET primary_conninfo = ''`);
    await standby.query('SELECT pg_reload_conf()');
    const isCut = async () => (await standby.query('SELECT 1 FROM pg_stat_wal_receiver')).rows.length === 0;
    await until(isCut, { what: 'the walreceiver to stop', withinMs, everyMs: 50, signal });
  });
}

/** What a server says of itself. */
export async function historyOf({ access }: Pick<Context, 'access'>) {
  const [row] = await access.query(
    'source',
    `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system, pg_is_in_recovery() AS recovers,
            CASE WHEN NOT pg_is_in_recovery()
              THEN ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline,
            CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn()::text END AS wal_end`,
  );
  const { system, recovers, timeline, wal_end: walEnd } = row ?? {};
  return { system, recovers, timeline, walEnd };
}

/** Puts a copy of the data in the place of the source's, whose server is down, and starts it under the same address. */
export async function replaceSource(context: Context, label: string): Promise<Proof | undefined> {
  const { lab, instance } = context;
  const service = sourceService(instance);
  await lab.runtime.swapData?.(service, label);
  return lab.runtime.start?.(service);
}

/** For the heal: a source that a fault has replaced stays what it is, but it must run. */
export async function startSource({ lab, instance, signal }: Context): Promise<string> {
  const service = sourceService(instance);
  const isKnown = (await lab.runtime.services()).some(({ name }) => name === service);
  const started = isKnown ? await startIfDown(lab.runtime, service, signal) : null;
  return started === null ? 'the source stays as it is' : `started ${service}`;
}
