// Parts of remedies that several stages print. Each works as it is written: `pipeline/capture/testing` tries them.

/** What to do about a change in the WAL that cannot be captured: a restart meets it again. */
export const START_OVER =
  'stop the connector, remove its offsets (DELETE /connectors/NAME/offsets) and the slot, and start it: it then takes a ' +
  'new snapshot';

/** The two lists cannot be combined, so it is the one that the configuration has. */
export const LEAVE_OUT = 'leave the table out with table.exclude.list or table.include.list';
