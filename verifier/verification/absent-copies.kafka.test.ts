import { expect, test } from 'vitest';
import { play, row } from '../testing/played.ts';

test('an absent copy of an empty table is a WARN until the topic has had a row of it', async () => {
  await using played = await play();
  await played.pair.onSink('DROP TABLE items');
  const absent = async () =>
    (await played.report()).findings
      .filter(({ check }) => check === 'schema-compatibility')
      .map(({ class: kind, verdict }) => [kind, verdict]);
  await played.commit();
  expect(await absent()).toEqual([['absent', 'WARN']]);

  const truncate = { op: 't', before: null, after: null, source: {} };
  await played.produce([{ key: null, value: truncate }]);
  await played.commit();
  expect(await absent()).toEqual([['absent', 'WARN']]);

  const { value } = row(1, 'a', 1);
  const deletion = { op: 'd', before: value.after, after: null, source: {} };
  await played.produce([row(1, 'a', 1), { key: { id: 1 }, value: deletion }]);
  await played.commit();
  expect(await absent()).toEqual([['absent', 'FAIL']]);
});
