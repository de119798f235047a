/** Actions of the commands that have several. */
export const CONNECTOR_ACTIONS = ['restart', 'pause', 'resume', 'stop', 'config', 'set', 'offsets'] as const;
export const OFFSETS_ACTIONS = ['show', 'reset'] as const;
export const SLOT_ACTIONS = ['list', 'drop', 'recreate'] as const;
export const DEAD_LETTER_ACTIONS = ['list', 'show', 'replay', 'discard'] as const;
export const REPAIR_ACTIONS = ['apply', 'rows'] as const;
export const TOPICS_ACTIONS = ['list', 'set'] as const;
