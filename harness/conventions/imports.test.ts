import { expect, test } from 'vitest';
import { type Import, importsOf, sourceFiles } from './source-files.ts';

/** Test files, and what only they use, may import anything. */
const isTest = (path: string): boolean => /\.test\.ts$|\/testing\//.test(path);
const files = sourceFiles();
const imports = files.filter((file) => !isTest(file.path)).flatMap(importsOf);

/** A layer may import only itself and the layers to its right. */
const LAYERS = ['scenarios', 'harness', 'fixtures', 'verifier', 'pipeline/contract'] as const;
const STAGES = ['pgoutput', 'capture', 'envelope', 'sink', 'registry'].map((stage) => `pipeline/${stage}`);

const inFolder = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);
const layerOf = (path: string): number => LAYERS.findIndex((layer) => inFolder(path, layer));
const asText = ({ from, to }: Import): string => `${from} → ${to}`;

function violations(rule: (one: Import) => boolean): string[] {
  return imports.filter(rule).map(asText);
}

test('the parser of imports recognises every form', () => {
  const text = [
    "import a from 'a';",
    "import type { B } from '../b.ts';",
    'import {',
    '  c,',
    "} from './c.ts';",
    "import './d.ts';",
    "export { e } from 'e';",
    "const f = await import('./f.ts');",
    "// import g from 'g';",
    "/* import h from 'h'; */",
  ].join('\n');
  const seen = importsOf({ path: 'x/y.ts', text }).map((one) => one.to);
  expect(seen).toEqual(['a', 'b.ts', 'x/c.ts', 'x/d.ts', 'e', 'x/f.ts']);
});

test('imports between layers point from the scenarios towards the contract', () => {
  expect(imports.length).toBeGreaterThan(100);
  const backwards = violations(({ from, to }) => {
    const own = layerOf(from);
    const target = layerOf(to);
    return own >= 0 && target >= 0 && target < own;
  });
  expect(backwards).toEqual([]);
});

/** A pipeline itself: it takes from ours what one takes from libraries (docs/decisions/0019-textbook-capture.md). */
const TEXTBOOK = 'fixtures/pipelines/textbook';

test('outside the pipeline, only its contract is imported', () => {
  const inside = violations(
    ({ from, to }) =>
      !inFolder(from, TEXTBOOK) &&
      LAYERS.slice(0, -1).some((layer) => inFolder(from, layer)) &&
      inFolder(to, 'pipeline') &&
      !inFolder(to, 'pipeline/contract'),
  );
  expect(inside).toEqual([]);
});

test('a stage of the pipeline imports the contract and itself, never a sibling', () => {
  const siblings = violations(({ from, to, isPackage }) => {
    const own = STAGES.find((stage) => inFolder(from, stage));
    return own !== undefined && !isPackage && !inFolder(to, own) && !inFolder(to, 'pipeline/contract');
  });
  expect(siblings).toEqual([]);
});

/** What one takes from libraries. Nothing else: a file that is new in our capture may decide what the textbook must. */
const LIBRARIES = [
  ...['config/', 'failure.ts', 'publish/partition.ts', 'stream/replication-frames.ts'],
  ...['catalogue', 'connection', 'describe-relation', 'gate', 'lsn-text', 'publication', 'slot', 'sql'].map(
    (file) => `source/${file}.ts`,
  ),
].map((part) => `pipeline/capture/${part}`);
const TEXTBOOK_TAKES = [...LIBRARIES, 'pipeline/contract/', 'pipeline/envelope/', 'pipeline/pgoutput/'];
/** Its process is our worker. */
const WORKER = 'pipeline/worker/';

test('the textbook capture takes nothing of ours but libraries, so what it decides is its own', () => {
  const own = (path: string): boolean => inFolder(path, TEXTBOOK);
  const mayTake = ({ from, to }: Import): boolean =>
    TEXTBOOK_TAKES.some((part) => to.startsWith(part)) ||
    (to.startsWith(WORKER) && from === `${TEXTBOOK}/main.ts`);
  const taken = imports.filter(({ from, to }) => own(from) && inFolder(to, 'pipeline'));
  expect(taken.length).toBeGreaterThan(20);
  expect(taken.filter((one) => !mayTake(one)).map(asText)).toEqual([]);
  const unused = TEXTBOOK_TAKES.filter((part) => !taken.some(({ to }) => to.startsWith(part)));
  expect(unused, 'allowed, and not taken').toEqual([]);
  const fresh = { from: `${TEXTBOOK}/capture.ts`, to: 'pipeline/capture/resume/where.ts', isPackage: false };
  expect(mayTake(fresh), 'a file that nobody has thought of').toBe(false);
});

test('the contract imports nothing but itself', () => {
  const outwards = violations(
    ({ from, to }) => inFolder(from, 'pipeline/contract') && !inFolder(to, 'pipeline/contract'),
  );
  expect(outwards).toEqual([]);
});

test('the worker imports nothing outside the pipeline: it loads defects from their folder', () => {
  const outwards = violations(
    ({ from, to, isPackage }) => inFolder(from, 'pipeline/worker') && !isPackage && !inFolder(to, 'pipeline'),
  );
  expect(outwards).toEqual([]);
});

test('pipeline and verifier use different Kafka libraries', () => {
  const shared = violations(
    ({ from, to }) =>
      (inFolder(from, 'pipeline') && to === 'kafkajs') ||
      ((inFolder(from, 'verifier') || inFolder(from, 'harness')) && to === '@platformatic/kafka'),
  );
  expect(shared).toEqual([]);
});

test('every import leads to a file that exists', () => {
  const known = new Set(files.map((file) => file.path));
  const dangling = violations(({ to, isPackage }) => !isPackage && to.endsWith('.ts') && !known.has(to));
  expect(dangling).toEqual([]);
});
