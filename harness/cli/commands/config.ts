import { applySchema } from '../../../fixtures/schema/schema.ts';
import { LabError, messageOf } from '../../../pipeline/contract/errors.ts';
import { didYouMean } from '../../../pipeline/contract/nearest.ts';
import { basicAuth, send } from '../../../verifier/connection/http.ts';
import { withSecrets } from '../../../verifier/connection/secret.ts';
import { UsageError } from '../../errors.ts';
import { objectionsTo } from '../../lab/external/external-control.ts';
import { lookAtTarget, misnamedIn, mustAnswer } from '../../lab/external/look-at-target.ts';
import { onSource, removeMarker, writeMarker } from '../../lab/external/marker.ts';
import { mustBeOwned, type Objection } from '../../lab/external/permission.ts';
import type { HttpService } from '../../lab/external/target-config.ts';
import {
  externalJsonSchema,
  type LoadedConfig,
  loadExternalConfig,
  printable,
} from '../../lab/external/target-config-file.ts';
import { painter } from '../../terminal/page.ts';
import { withTarget } from '../../terminal/with-target.ts';
import { type CliContext, EXIT, printJson, say } from '../context.ts';

type Action = (context: CliContext, loaded: LoadedConfig) => Promise<number>;

const ACTIONS: Readonly<Record<string, Action>> = { print, check, mark, unmark, tables };

/** Prints or checks the configuration of a target that somebody else runs, or sets its marker. */
export async function config(
  context: CliContext,
  _: unknown,
  [name = 'print']: readonly string[],
): Promise<number> {
  if (name === 'schema') {
    printJson(context, externalJsonSchema());
    return EXIT.ok;
  }
  const action = ACTIONS[name];
  if (action === undefined) {
    const known = [...Object.keys(ACTIONS), 'schema'];
    throw new UsageError(
      `config has no action "${name}".${didYouMean(name, known)}`,
      `use ${known.join(', ')}`,
    );
  }
  return action(context, await loadExternalConfig(context.external?.config ?? null));
}

/** `--print-config` of any command. */
export async function printConfig(context: CliContext): Promise<number> {
  return print(context, await loadExternalConfig(context.external?.config ?? null));
}

/** The effective configuration as JSON, secrets masked. */
async function print(context: CliContext, loaded: LoadedConfig): Promise<number> {
  printJson(context, printable(loaded.config));
  return EXIT.ok;
}

/**
 * Connects to everything that it names; exits with 69 if something does not answer, and with 64 if a list, an exclusion or
 * a map names a table or column that does not exist.
 */
async function check(context: CliContext, { config }: LoadedConfig): Promise<number> {
  const looks = await lookAtTarget(config);
  const aimed = (text: string): string => withTarget(text, context.target);
  if (config.registry !== null) {
    const { url } = config.registry;
    const failure = await registryFailure(config.registry);
    const said = failure === null ? 'a schema registry, not used: events are read in JSON' : failure.message;
    const answers = failure === null;
    looks.push({ name: 'registry', kind: 'worker', address: url, said, answers, failure });
  }
  const areReachable = looks.every(({ kind, answers }) => kind !== 'postgres' || answers);
  const misnamed = areReachable ? await misnamedIn(config) : [];
  const source = looks.find(({ name }) => name === 'pg-source');
  const against = source?.answers ? await objectionsTo(config, context.external?.own ?? null) : null;
  if (context.json) {
    const services = looks.map(({ failure, ...one }) => ({ ...one, remedy: failure?.remedy ?? null }));
    printJson(context, {
      schemaVersion: 1,
      services,
      misnamed,
      mayBeBroken: against?.length === 0,
      objections: against ?? [],
    });
  } else {
    const paint = painter(context.color);
    for (const { name, address, said, answers, failure } of looks) {
      context.stdout.write(
        `${answers ? paint.green('✔') : paint.red('✖')} ${name.padEnd(10)} ${address}  ${said}\n`,
      );
      if (failure !== null) context.stdout.write(`             ${aimed(failure.remedy)}\n`);
    }
    for (const problem of misnamed) context.stdout.write(`${paint.red('✖')} ${problem}\n`);
    if (against !== null) context.stdout.write(`\n${aimed(permissionText(against))}\n`);
  }
  if (!looks.every(({ answers }) => answers)) return EXIT.unavailable;
  return misnamed.length === 0 ? EXIT.ok : EXIT.usage;
}

function permissionText(against: readonly Objection[]): string {
  if (against.length === 0) return 'This target may be broken on purpose.';
  const lines = against.map(({ why, remedy }) => `  ${why}\n    ${remedy}`);
  return `This target is only looked at:\n${lines.join('\n')}`;
}

async function registryFailure({ url, username, password, ca }: HttpService): Promise<LabError | null> {
  const headers =
    username === null || password === null
      ? {}
      : { authorization: basicAuth(username, withSecrets(password, 'registry.password')) };
  const refused = (why: string): LabError =>
    new LabError('CDC-5402', `The schema registry does not answer: ${why}.`, {
      remedy: 'Correct registry in the configuration, or leave it out: the lab does not need it.',
    });
  try {
    const given = { headers, signal: AbortSignal.timeout(5_000) };
    const { ok, status } = await send(new URL('subjects', url.endsWith('/') ? url : `${url}/`), given, ca);
    return ok ? null : refused(`it says ${status}`);
  } catch (error) {
    return refused(messageOf(error));
  }
}

/** Writes the marker into the source database, if its owner names that database on the command line. */
async function mark(context: CliContext, { config }: LoadedConfig): Promise<number> {
  await mustConsent(context, { config });
  const marker = await writeMarker(config);
  if (context.json) printJson(context, { schemaVersion: 1, marked: marker });
  else
    say(
      context,
      `${marker.database} is marked: the lab may break it. cdc-lab config unmark takes that back.`,
    );
  return EXIT.ok;
}

async function unmark(context: CliContext, { config }: LoadedConfig): Promise<number> {
  await removeMarker(config);
  if (context.json) printJson(context, { schemaVersion: 1, unmarked: config.source.database });
  else say(context, `${config.source.database} has no marker any more`);
  return EXIT.ok;
}

/** Creates the tables that the lab's workloads write, if the target may be broken; the pipeline must capture them. */
async function tables(context: CliContext, { config }: LoadedConfig): Promise<number> {
  mustBeOwned(await objectionsTo(config, context.external?.own ?? null));
  await onSource(config, applySchema);
  say(context, `the lab's tables are in ${config.source.database}; have the pipeline capture them`);
  return EXIT.ok;
}

/** The owner consents by naming the database on the command line; every other objection is an error. */
async function mustConsent(context: CliContext, { config }: Pick<LoadedConfig, 'config'>): Promise<void> {
  const { database } = config.source;
  if (context.external?.own !== database) {
    throw new UsageError(
      `Marking ${database} allows the lab to break it on purpose, and needs your consent.`,
      `If it is yours: cdc-lab config mark --i-own-this-target ${database}`,
    );
  }
  mustAnswer((await lookAtTarget(config)).filter(({ name }) => name === 'pg-source'));
  mustBeOwned(await objectionsTo(config, database));
}
