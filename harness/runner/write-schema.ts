import { writeFileSync } from 'node:fs';
import { runJsonSchema } from './result.ts';

/** Writes `harness/reporters/run.schema.json`; a test fails where it is out of date. */
writeFileSync(
  new URL('../reporters/run.schema.json', import.meta.url),
  `${JSON.stringify(runJsonSchema(), null, 2)}\n`,
);
