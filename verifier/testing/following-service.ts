import { expect } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { parseConfig, type VerifierConfigInput } from '../config.ts';
import { loadChecks } from '../load-checks.ts';
import type { Report } from '../report.ts';
import { VerifierService } from '../service/service.ts';
import type { DatabasePair } from './databases.ts';

type Service = VerifierService & AsyncDisposable;

/** A verifier's service that begins to follow what is written to both databases. */
export async function serviceOf(
  pair: DatabasePair,
  own: Partial<VerifierConfigInput> = {},
): Promise<Service> {
  const raw = {
    ...{ port: 0, stateDir: makeTestFolder(), kafka: null, deadlineMs: 20_000, incremental: {} },
    ...{ source: { url: pair.sourceUrl, slot: null }, sink: { url: pair.sinkUrl } },
    ...own,
  };
  const service = new VerifierService(parseConfig(raw, 'test'), await loadChecks());
  service.start();
  return Object.assign(service, { [Symbol.asyncDispose]: () => service.stop() });
}

/** Waits until the service follows both sides. */
export async function following(service: VerifierService): Promise<void> {
  await expect.poll(() => service.following?.state, { timeout: 30_000 }).toBe('following');
}

/** A service that has compared its tables whole, and follows what comes. */
export async function knowingService(
  pair: DatabasePair,
  own: Partial<VerifierConfigInput> = {},
): Promise<Service> {
  const service = await serviceOf(pair, own);
  await following(service);
  expect(new Set(howCompared(await service.verify()))).toEqual(new Set(['whole']));
  return service;
}

export function howCompared({ scans }: Report): readonly string[] | undefined {
  return scans?.tables.map(({ compared }) => compared);
}

/** The class and the first key of each finding. */
export function wrongIn({ findings }: Report): readonly (readonly [string, string | undefined])[] {
  return findings.map(({ class: name, first }) => [name, first?.key.id ?? undefined]);
}
