import { expect, test } from 'vitest';
import { withTarget } from './with-target.ts';

const LAB = ['--dir', 'my lab'];
const OTHERS = ['--dir', '/x', '--config', 'shop.json'];

test.each([
  ['cdc-lab up starts it', LAB, "cdc-lab up --dir 'my lab' starts it"],
  [
    'run `cdc-lab clean`, then `cdc-lab up`',
    ['--dir', 'x'],
    'run `cdc-lab clean --dir x`, then `cdc-lab up --dir x`',
  ],
  [
    'Next: cdc-lab status, cdc-lab watch',
    ['--dir', 'x'],
    'Next: cdc-lab status --dir x, cdc-lab watch --dir x',
  ],
  ['cdc-lab heal starts it', OTHERS, 'cdc-lab heal --dir /x --config shop.json starts it'],
  // What a command does not take, or has, is left out.
  ['cdc-lab up', OTHERS, 'cdc-lab up --dir /x'],
  [
    'cdc-lab config mark --i-own-this-target shop',
    OTHERS,
    'cdc-lab config --config shop.json mark --i-own-this-target shop',
  ],
  ['cdc-lab config schema prints', OTHERS, 'cdc-lab config schema prints'],
  ['cdc-lab run lag --config a.json --seed 7', OTHERS, 'cdc-lab run --dir /x lag --config a.json --seed 7'],
  ['cdc-lab verify --source URL', OTHERS, 'cdc-lab verify --source URL'],
  ['cdc-lab --debug shows where', LAB, 'cdc-lab --debug shows where'],
  ['a file /tmp/cdc-lab up there', LAB, 'a file /tmp/cdc-lab up there'],
  ['cdc-lab up', [], 'cdc-lab up'],
  [
    'cdc-lab connectors stop sink, then cdc-lab heal',
    ['--dir', 'x', '--instance', 'lag-1'],
    'cdc-lab connectors --dir x --instance lag-1 stop sink, then cdc-lab heal --dir x',
  ],
  [
    'cdc-lab dedupe orders --instance lag-1',
    ['--instance', 'lag-1'],
    'cdc-lab dedupe orders --instance lag-1',
  ],
])('%j with %j', (text, target, aimed) => {
  expect(withTarget(text, target)).toBe(aimed);
  // What is passed on and printed again is not changed a second time.
  expect(withTarget(aimed, target)).toBe(aimed);
});
