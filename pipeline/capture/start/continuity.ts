import { LabError } from '../../contract/errors.ts';
import type { SourceOffset } from '../position/source-offset.ts';
import { formatLsn } from '../source/lsn-text.ts';
import { type SlotState, type SystemIdentity, switchPoint } from '../source/slot.ts';

const RESNAPSHOT =
  'Changes may be missing between the two. Stop the connector, remove its offsets ' +
  '(DELETE /connectors/NAME/offsets) and the slot, and start it: it then takes a new snapshot. ' +
  'Or set snapshot.mode=when_needed.';

export interface StartState {
  readonly slotName: string;
  readonly database: string;
  readonly slot: SlotState | undefined;
  readonly system: SystemIdentity;
  /** History of the server's timeline; empty on timeline 1. */
  readonly history: string;
  readonly stored: SourceOffset | null;
}

/**
 * Judges whether this server's slot continues at the stored position. Returns the error to stop with if it does not;
 * undefined if the stream continues without a gap.
 */
export function judgeContinuity(state: StartState): LabError | undefined {
  return judgeSlot(state) ?? (state.stored === null ? undefined : judgePosition(state, state.stored));
}

function judgeSlot({ slot, slotName, database }: StartState): LabError | undefined {
  if (slot === undefined) return undefined;
  if (slot.type !== 'logical' || slot.plugin !== 'pgoutput') {
    return new LabError(
      'CDC-1101',
      `Slot "${slotName}" uses plugin "${slot.plugin ?? 'none'}", not pgoutput.`,
      {
        remedy: 'Choose another slot.name, or drop that slot if it is unused.',
      },
    );
  }
  if (slot.database !== database) {
    return new LabError(
      'CDC-1102',
      `Slot "${slotName}" belongs to database "${slot.database ?? ''}", not to "${database}".`,
      { remedy: 'Choose another slot.name: a slot belongs to one database.' },
    );
  }
  if (slot.walStatus === 'lost' || slot.invalidationReason !== null) {
    const reason = slot.invalidationReason ?? 'wal_status is lost';
    return new LabError('CDC-1103', `Slot "${slotName}" is lost (${reason}): its WAL has been removed.`, {
      remedy: `${RESNAPSHOT} Raise max_slot_wal_keep_size to keep it from happening again.`,
    });
  }
  return undefined;
}

function judgePosition(state: StartState, stored: SourceOffset): LabError | undefined {
  const { slot, slotName, system } = state;
  const position = formatLsn(stored.flushLsn);
  if (stored.systemIdentifier !== null && stored.systemIdentifier !== system.systemIdentifier) {
    return new LabError(
      'CDC-1104',
      `The stored position ${position} belongs to system ${stored.systemIdentifier}, but the source is system ${system.systemIdentifier}.`,
      { remedy: `Connect to the server that it was captured from. ${RESNAPSHOT}` },
    );
  }
  const branch = judgeTimeline(state, stored);
  if (branch) return branch;
  if (slot === undefined) {
    return new LabError(
      'CDC-1106',
      `Position ${position} is stored, but slot "${slotName}" does not exist: it was dropped or did not fail over.`,
      { remedy: RESNAPSHOT },
    );
  }
  if (slot.confirmedFlushLsn !== null && slot.confirmedFlushLsn > stored.flushLsn) {
    return new LabError(
      'CDC-1107',
      `Slot "${slotName}" is at ${formatLsn(slot.confirmedFlushLsn)}, ahead of the stored position ${position}: ` +
        'it was dropped and recreated, or another client has read from it.',
      { remedy: RESNAPSHOT },
    );
  }
  if (stored.flushLsn > system.walEnd) {
    return new LabError(
      'CDC-1108',
      `The stored position ${position} is ahead of the source's WAL, which ends at ${formatLsn(system.walEnd)}: ` +
        'the source was restored to an earlier state.',
      { remedy: `The sink may hold rows that the source no longer has. ${RESNAPSHOT}` },
    );
  }
  return undefined;
}

function judgeTimeline({ system, history }: StartState, stored: SourceOffset): LabError | undefined {
  if (stored.timeline === null || stored.timeline === system.timeline) return undefined;
  const branch = switchPoint(history, stored.timeline);
  if (branch !== undefined && branch >= stored.flushLsn) return undefined;
  const where =
    branch === undefined
      ? 'does not descend from it'
      : `left it at ${formatLsn(branch)}, before that position`;
  return new LabError(
    'CDC-1105',
    `Position ${formatLsn(stored.flushLsn)} is stored on timeline ${stored.timeline}; ` +
      `the source is on timeline ${system.timeline}, which ${where}.`,
    { remedy: RESNAPSHOT },
  );
}
