import type { ConfigChange } from './config-change.ts';

type Config = Readonly<Record<string, string>>;

/** Settings that leave something out: a sentence's rest on what is lost from then on; null: nothing. */
type Loss = (change: { readonly from: string; readonly to: string; readonly after: Config }) => string | null;

const entries = (list: string): string[] =>
  list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

/** A list that names what is taken; an empty one takes everything. */
const takes =
  (what: string): Loss =>
  ({ from, to }) => {
    if (to === '') return null;
    const gone = entries(from).filter((entry) => !entries(to).includes(entry));
    if (from !== '' && gone.length === 0) return null;
    return from === '' ? `${what} other than ${to}` : `${what} of ${gone.join(', ')}`;
  };

/** A list that names what is left out. */
const leavesOut =
  (what: string): Loss =>
  ({ from, to }) => {
    const added = entries(to).filter((entry) => !entries(from).includes(entry));
    return added.length === 0 ? null : `${what} of ${added.join(', ')}`;
  };

const when =
  (value: string, loses: string): Loss =>
  ({ from, to }) =>
    to === value && from !== value ? loses : null;

const OPERATIONS: Readonly<Record<string, string>> = {
  c: 'inserts',
  u: 'updates',
  d: 'deletes',
  t: 'TRUNCATEs',
};
const unset: Loss = ({ from, to }) => (from !== '' && to !== from ? 'what the old one still holds' : null);

const skips: Loss = ({ after }) =>
  after['errors.tolerance'] === 'all' && (after['errors.deadletterqueue.topic.name'] ?? '') === ''
    ? 'records that cannot be applied: they are skipped, and no dead-letter topic keeps them'
    : null;

const LOSSES: Readonly<Record<string, Loss>> = {
  'table.include.list': takes('changes of tables'),
  'schema.include.list': takes('changes of schemas'),
  'table.exclude.list': leavesOut('changes'),
  'schema.exclude.list': leavesOut('changes'),
  'column.include.list': takes('columns'),
  'column.exclude.list': leavesOut('values'),
  'field.include.list': takes('fields'),
  'field.exclude.list': leavesOut('values'),
  topics: takes('records of topics'),
  'topics.regex': takes('records of topics'),
  'skipped.operations': ({ from, to }) => {
    const added = entries(to).filter((one) => !entries(from).includes(one) && OPERATIONS[one] !== undefined);
    return added.length === 0 ? null : added.map((one) => OPERATIONS[one]).join(', ');
  },
  'snapshot.mode': ({ to }) =>
    ['no_data', 'never'].includes(to) ? 'rows from before the slot, if it starts without an offset' : null,
  'slot.name': unset,
  'slot.drop.on.stop': when('true', 'changes that are committed while it is stopped'),
  'tombstones.on.delete': when('false', 'deletes, in a sink that goes by tombstones'),
  'delete.enabled': ({ from, to }) => (from === 'true' && to !== 'true' ? 'deletes' : null),
  'truncate.enabled': ({ from, to }) => (from === 'true' && to !== 'true' ? 'TRUNCATEs' : null),
  'dedup.mode': when('none', 'newer values of a row, where an older record comes after them'),
  'errors.tolerance': skips,
  'errors.deadletterqueue.topic.name': skips,
};

/**
 * What the changed settings leave out from then on, as a sentence; null: nothing.
 * @param after The configuration with the changes.
 */
export function lossOf(changes: readonly ConfigChange[], after: Config): string | null {
  const losses = changes.flatMap(({ key, from }) => {
    const loses = LOSSES[key]?.({ from: from ?? '', to: after[key] ?? '', after });
    return loses === undefined || loses === null ? [] : [`${key} loses ${loses}`];
  });
  return losses.length === 0 ? null : `From then on, ${[...new Set(losses)].join('; ')}.`;
}
