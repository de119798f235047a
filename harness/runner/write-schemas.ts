import { writeFileSync } from 'node:fs';
import { reportJsonSchema } from '../../verifier/report.ts';
import { runJsonSchema } from './result.ts';

/** Published JSON Schemas, by their path from the project's folder. Tests fail if one is out of date. */
const SCHEMAS = {
  'harness/reporters/run.schema.json': runJsonSchema(),
  'verifier/report.schema.json': reportJsonSchema(),
};

for (const [path, schema] of Object.entries(SCHEMAS)) {
  writeFileSync(new URL(`../../${path}`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
}
