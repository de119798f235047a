import kafkajs, { type Admin } from 'kafkajs';
import { z } from 'zod';
import { LabError } from '../../pipeline/contract/errors.ts';
import { didYouMean } from '../../pipeline/contract/nearest.ts';
import { kafkaClient, tableTopics } from '../access/live-access.ts';
import { UsageError } from '../errors.ts';
import type { Instance } from '../lab/lab.ts';
import { defineRecovery } from '../plugins/recovery.ts';

const { ConfigResourceTypes, ConfigSource } = kafkajs;

/** A topic's own settings, by key: those that differ from the brokers'. */
type Settings = Readonly<Record<string, string>>;

export default defineRecovery({
  description: 'change settings of a topic, such as the size of a record that it takes',
  params: z.strictObject({
    topic: z.string().min(1),
    set: z.record(z.string().min(1), z.string()).refine((set) => Object.keys(set).length > 0, {
      error: 'needs key=value, as in max.message.bytes=8000000',
    }),
  }),
  example: { topic: 'documents', set: { 'max.message.bytes': '8000000' } },
  safeWhen: 'always for a larger record; a shorter retention deletes records at once',
  loses: 'records, where retention.ms or retention.bytes is lowered',
  undo: 'set the former values; the plan prints the command',
  isOneStep: true,

  typed: ({ topic, set }) => ['topics', 'set', topic, ...Object.entries(set).map((pair) => pair.join('='))],

  async plan({ instance }, { topic, set }) {
    return withAdmin(instance, async (admin) => {
      const name = await topicOf(admin, instance, topic);
      const { settings, inEffect } = await settingsOf(admin, name, Object.keys(set));
      const pairs = Object.entries(set);
      const config = pairs.map((pair) => pair.join('=')).join(',');
      const shortens = pairs.some(([key]) => key.startsWith('retention.'));
      await alter(admin, name, { ...settings, ...set }, true);
      return {
        does: pairs.map(
          ([key, value]) => `${key} of ${name}: ${value}, formerly ${inEffect[key] ?? 'unknown'}`,
        ),
        commands: [
          `kafka-configs --bootstrap-server ${instance.bootstrapServers.join(',')} --alter --topic ${name} --add-config ${config}`,
        ],
        loses: shortens ? 'Records that are older, or more, than the topic is to keep are deleted.' : null,
        undo: `cdc-lab topics set ${topic} ${pairs.map(([key]) => `${key}=${inEffect[key] ?? ''}`).join(' ')}`,
      };
    });
  },

  async run({ instance }, { topic, set }) {
    return withAdmin(instance, async (admin) => {
      const name = await topicOf(admin, instance, topic);
      const keys = Object.keys(set);
      const { settings, inEffect: before } = await settingsOf(admin, name, keys);
      await alter(admin, name, { ...settings, ...set }, false);
      const { inEffect: after } = await settingsOf(admin, name, keys);
      return {
        said: `${name} has ${Object.entries(after)
          .map((pair) => pair.join('='))
          .join(', ')}`,
        evidence: { topic: name, before, after },
      };
    });
  },
});

async function withAdmin<T>(instance: Instance, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafkaClient(instance).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** @throws UsageError that names the nearest of the pipeline's topics. */
async function topicOf(admin: Admin, { topicPrefix }: Instance, given: string): Promise<string> {
  const known = tableTopics(await admin.listTopics(), topicPrefix);
  const found = [given, `${topicPrefix}.${given}`, `${topicPrefix}.public.${given}`].find((name) =>
    known.includes(name),
  );
  if (found !== undefined) return found;
  const short = known.map((name) => name.slice(topicPrefix.length + 1).replace(/^public\./, ''));
  throw new UsageError(
    `the pipeline has no topic "${given}".${didYouMean(given, [...short, ...known])}`,
    `it has ${short.join(', ') || 'none'}`,
  );
}

/** What the topic sets itself, and what is in effect of some keys. */
async function settingsOf(
  admin: Admin,
  name: string,
  keys: readonly string[],
): Promise<{ settings: Settings; inEffect: Settings }> {
  const resources = [{ type: ConfigResourceTypes.TOPIC, name }];
  const [found] = (await admin.describeConfigs({ resources, includeSynonyms: false })).resources;
  const entries = found?.configEntries ?? [];
  const unknown = keys.find((key) => !entries.some(({ configName }) => configName === key));
  if (unknown !== undefined) {
    const names = entries.map(({ configName }) => configName);
    throw new UsageError(
      `a topic has no setting "${unknown}".${didYouMean(unknown, names)}`,
      `known: ${names.join(', ')}`,
    );
  }
  const pick = (all: typeof entries): Settings =>
    Object.fromEntries(all.map(({ configName, configValue }) => [configName, configValue]));
  return {
    settings: pick(entries.filter(({ configSource }) => configSource === ConfigSource.TOPIC_CONFIG)),
    inEffect: pick(entries.filter(({ configName }) => keys.includes(configName))),
  };
}

/** The request replaces all of the topic's own settings. @throws LabError with what the broker says. */
async function alter(admin: Admin, name: string, settings: Settings, validateOnly: boolean): Promise<void> {
  const configEntries = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
  const resources = [{ type: ConfigResourceTypes.TOPIC, name, configEntries }];
  try {
    await admin.alterConfigs({ validateOnly, resources });
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    if (validateOnly)
      throw new UsageError(`Kafka refuses these settings of ${name}: ${said}`, 'correct the value');
    throw new LabError('CDC-5506', `Kafka has not changed ${name}: ${said}`, {
      cause: error,
      remedy: 'see that the broker runs, and run the command again',
    });
  }
}
