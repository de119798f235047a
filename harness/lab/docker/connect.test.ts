import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PROJECT_DIR } from '../../project.ts';
import { CONNECT_IMAGE } from './connect.ts';

test('the image of Connect is the one that the compose file names', () => {
  const file = readFileSync(join(PROJECT_DIR, 'docker-compose.yml'), 'utf8');
  expect(file).toContain(`\${CDC_LAB_IMAGE_CONNECT:-${CONNECT_IMAGE}}`);
});
