import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTestFolder } from '../../fixtures/testing/test-folder.ts';
import { archiveOf } from './class-archive.ts';

test('a service is prepared without the old archive, which its JVM could not dump on top of', async () => {
  const archive = join(makeTestFolder(), 'kafka.jsa');
  writeFileSync(archive, 'of other jars');
  let seen: boolean | undefined;
  const prepare = () => {
    seen = existsSync(archive);
    throw new Error('far enough');
  };
  await expect(archiveOf(prepare, archive, '', async () => {})).rejects.toThrow('far enough');
  expect(seen).toBe(false);
});
