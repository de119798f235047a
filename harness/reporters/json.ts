import { writeFile } from 'node:fs/promises';
import type { Reporter } from '../runner/reporter.ts';

const reporter: Reporter = {
  description: 'the result as one JSON document, as run.schema.json describes it',
  create: ({ file, stdout }) => ({
    on: () => undefined,
    end: async (result) => {
      const text = `${JSON.stringify(result, null, 2)}\n`;
      if (file === null) stdout.write(text);
      else await writeFile(file, text);
    },
  }),
};

export default reporter;
