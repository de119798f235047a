import { writeFileSync } from 'node:fs';
import { reportJsonSchema } from './report.ts';

/** Writes `report.schema.json` beside this file; `report.test.ts` fails where it is out of date. */
writeFileSync(
  new URL('report.schema.json', import.meta.url),
  `${JSON.stringify(reportJsonSchema(), null, 2)}\n`,
);
