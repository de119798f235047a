import type { VerifierConfig } from '../config.ts';
import { connectorConfig } from './connect-rest.ts';
import { type ValueSettings, valueSettingsIn } from './source/value-settings.ts';

/**
 * How the capture was told to write values, by its connector's REST API. Undefined if there is no Debezium connector, if
 * no worker answers, or if several connectors have different settings: then every change of a value counts as an error.
 */
export async function captureSettings({
  connectors,
}: Pick<VerifierConfig, 'connectors'>): Promise<ValueSettings | undefined> {
  const sources = connectors.filter(({ type }) => type === 'source');
  const all = await Promise.all(sources.map((ref) => connectorConfig(ref).then(valueSettingsIn, () => null)));
  const [first = null, ...others] = all;
  const isOne = others.every((other) => JSON.stringify(other) === JSON.stringify(first));
  return isOne ? (first ?? undefined) : undefined;
}
