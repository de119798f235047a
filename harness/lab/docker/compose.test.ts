import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PROJECT_DIR } from '../../project.ts';
import { isEnough, LAB_IMAGE, labImage } from './compose.ts';

test.each([
  ['2.24.0', true],
  ['v2.40.3', true],
  ['2.26.1-4', true],
  ['5.0.0', true],
  ['2.23.9', false],
  ['1.29.2', false],
  ['unknown', false],
])('Compose %s is new enough: %s', (version, enough) => {
  expect(isEnough(version)).toBe(enough);
});

test("the lab's own image has one name in the compose file and here, and the package's version", () => {
  const file = readFileSync(join(PROJECT_DIR, 'docker-compose.yml'), 'utf8');
  expect(file).toContain(`\${CDC_LAB_IMAGE_LAB:-${LAB_IMAGE}}`);
  const { version } = JSON.parse(readFileSync(join(PROJECT_DIR, 'package.json'), 'utf8')) as {
    version: string;
  };
  expect(LAB_IMAGE).toBe(`cdc-lab:${version}`);
});

test('an image that is named is used unchanged, and nothing is built', () => {
  expect(labImage({ CDC_LAB_IMAGE_LAB: 'mine:1' })).toEqual({ name: 'mine:1', own: false });
  expect(labImage({ CDC_LAB_IMAGE_LAB: '' })).toEqual({ name: LAB_IMAGE, own: true });
  expect(labImage({})).toEqual({ name: LAB_IMAGE, own: true });
});
