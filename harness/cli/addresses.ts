import type { Instance } from '../lab/lab.ts';
import type { CliContext } from './context.ts';
import { pageOf } from './page.ts';

/** Where a pipeline can be reached. */
export interface Addresses {
  /** Without the password. */
  readonly source: string;
  readonly sink: string;
  readonly bootstrapServers: readonly string[];
  readonly topicPrefix: string;
  /** Base URLs of Kafka Connect's REST API: of the capture's worker, and of each worker of the sink. */
  readonly captureRest: string;
  readonly sinkRest: readonly string[];
  /** Base URL of the verifier, and of its figures for Prometheus; null where the lab runs no verifier process. */
  readonly verifier: string | null;
  readonly metrics: string | null;
}

export function addressesOf(instance: Instance): Addresses {
  const { sourceUrl, sinkUrl, bootstrapServers, topicPrefix, captureUrl, sinkWorkerUrl, verifierUrl } =
    instance;
  const verifier = verifierUrl === '' ? null : verifierUrl;
  return {
    source: withoutPassword(sourceUrl),
    sink: withoutPassword(sinkUrl),
    bootstrapServers,
    topicPrefix,
    captureRest: captureUrl,
    sinkRest: [sinkWorkerUrl, ...(instance.moreSinks ?? []).map(({ url }) => url)],
    verifier,
    metrics: verifier === null ? null : `${verifier}/metrics`,
  };
}

function withoutPassword(text: string): string {
  const url = URL.parse(text);
  return url === null ? text : Object.assign(url, { password: '' }).href;
}

/** One address a line, aligned, for copying. @param password What is said of it. */
export function addressText(context: CliContext, addresses: Addresses, password: string): string {
  const { paint } = pageOf(context);
  const { source, sink, bootstrapServers, captureRest, sinkRest, verifier, metrics } = addresses;
  const lines: (readonly [string, string])[] = [
    ['Source database', source],
    ['Sink database', sink],
    ['Password', password],
    ['Kafka', bootstrapServers.join(',')],
    ['Capture REST', captureRest],
    ...sinkRest.map((url, index) => [index === 0 ? 'Sink REST' : `Sink REST ${index + 1}`, url] as const),
    ...(verifier === null ? [] : [['Verifier', `${verifier}/report`] as const]),
    ...(metrics === null ? [] : [['Metrics', metrics] as const]),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => `${paint.dim(name.padStart(width))}  ${value}\n`).join('');
}
