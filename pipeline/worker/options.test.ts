import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readArguments } from './options.ts';
import { loadDefects } from './planted-defects.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'worker-options-'));
});
afterEach(() => rm(folder, { recursive: true }));

const good = { workerId: 'w', host: '127.0.0.1', port: 0, bootstrapServers: ['127.0.0.1:1'], stateDir: '/s' };
async function configFile(changes: object = {}): Promise<string> {
  const path = join(folder, 'worker.json');
  await writeFile(path, JSON.stringify({ ...good, ...changes }));
  return path;
}

describe("the worker's arguments", () => {
  it('have defaults', async () => {
    expect(await readArguments(['--config', await configFile(), '--defect', 'a', '--defect', 'b'])).toEqual({
      file: {
        ...good,
        names: [],
        offsetsTopic: 'connect-offsets',
        stopDeadlineMs: 10_000,
        tasks: { id: 0, of: 1 },
        health: { lagEvents: 10_000, lagMs: 300_000, stalledAfterMs: 60_000 },
      },
      defects: ['a', 'b'],
      crashPoints: false,
      logLevel: 'info',
    });
  });

  it.each([
    [[], '--config FILE is missing'],
    [['--confg', 'x'], '--confg'],
    [['--config', '/nowhere/worker.json'], 'cannot be read as JSON'],
    [['--config', '@', '--log-level', 'loud'], '--log-level takes debug, info, warn, error'],
    [['--config', '@', 'more'], 'more'],
  ])('are refused if they are %j', async (args, sentence) => {
    const path = await configFile();
    const reading = readArguments(args.map((arg) => (arg === '@' ? path : arg)));
    await expect(reading).rejects.toMatchObject({
      code: 'CDC-3001',
      message: expect.stringContaining(sentence),
    });
  });

  it('allow to listen on all addresses if the file has the host names of requests', async () => {
    const inContainer = { host: '0.0.0.0', names: ['capture'] };
    const { file } = await readArguments(['--config', await configFile(inContainer)]);
    expect(file).toMatchObject(inContainer);
  });

  it.each([
    { port: 'x' },
    { port: 70_000 },
    { host: '0.0.0.0' },
    { bootstrapServers: [] },
    { bootstrapServers: ['x'] },
    { workerId: '' },
    { prot: 1 },
  ])('are refused by the name of the key if the file has %j', async (change) => {
    const reading = readArguments(['--config', await configFile(change)]);
    await expect(reading).rejects.toThrow(Object.keys(change)[0]);
  });
});

describe('planted defects', () => {
  const load = async (name: string, text = '') => {
    await writeFile(join(folder, 'there.ts'), text);
    return await loadDefects([name], new URL(`file://${folder}/`));
  };

  it('are loaded by the name of their file', async () => {
    const text = "export default { name: 'there', description: 'Wrong.', admit: (healthy) => healthy };";
    expect(await load('there', text)).toMatchObject([{ name: 'there' }]);
  });

  it.each(['nothing', '../there', 'there.ts', '', './there'])(
    'are refused if there is no file %j',
    async (name) => {
      await expect(load(name)).rejects.toMatchObject({
        code: 'CDC-3006',
        remedy: expect.stringContaining('there.ts'),
      });
    },
  );

  it.each([
    '',
    'export default 17;',
    'export default { name: "there" };',
    'export default { name: "there", description: "Wrong.", admit: 3 };',
  ])('are refused if the file holds %j', async (text) => {
    await expect(load('there', text)).rejects.toThrow('fixtures/defects/there.ts is not a planted defect.');
  });
});
