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

test('the textbook capture takes nothing that decides where it starts or what it has published', () => {
  const decisions = ['start', 'position', 'stream/stream-', 'publish/publisher'].map(
    (part) => `pipeline/capture/${part}`,
  );
  const taken = violations(
    ({ from, to }) => inFolder(from, TEXTBOOK) && decisions.some((part) => to.startsWith(part)),
  );
  expect(taken).toEqual([]);
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
