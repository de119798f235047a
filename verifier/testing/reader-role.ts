import type { VerifyRequest } from '../standalone/request.ts';
import type { DatabasePair } from './databases.ts';

/** A role on both servers, which is dropped on disposal. */
export interface ReaderRole extends AsyncDisposable {
  readonly name: string;
  /** Logs in as this role. */
  readonly login: Pick<VerifyRequest, 'source' | 'sink' | 'passwords'>;
}

/** What a report says if the role lacks REPLICATION. The second wording is PostgreSQL's before version 16. */
export const NO_SLOT = /could not create its slot.*(permission denied|must be superuser or replication role)/;

/** A role with the privileges that docs/verify.md lists for the fences `quiesce` and `none`, on the existing tables. */
export async function readerRole(pair: DatabasePair): Promise<ReaderRole> {
  const name = `reader_${new URL(pair.sourceUrl).pathname.slice(-12)}`;
  const as = (url: string): string => Object.assign(new URL(url), { username: name, password: '' }).href;
  await pair.onBoth(`CREATE ROLE ${name} LOGIN PASSWORD 'reading';
    GRANT USAGE ON SCHEMA public TO ${name}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${name}`);
  return {
    name,
    login: {
      source: as(pair.sourceUrl),
      sink: as(pair.sinkUrl),
      passwords: { source: 'reading', sink: 'reading' },
    },
    [Symbol.asyncDispose]: () => pair.onBoth(`DROP OWNED BY ${name}; DROP ROLE ${name}`),
  };
}
