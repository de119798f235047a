import { z } from 'zod';
import { defineRecovery } from '../plugins/recovery.ts';
import { connectorOf, untilState } from './lib/connector.ts';

export default defineRecovery({
  description:
    'restart the workers without the defects that were planted in them: the lab’s "deploy the fixed version"',
  params: z.strictObject({}),
  example: {},
  safeWhen: 'always: workers remember their connectors, and go on from the stored offsets',
  loses: null,
  undo: 'there is none: a run plants the defect again',

  typed: () => ['upgrade'],

  async plan({ lab, instance }) {
    const { capture = [], sink = [] } = lab.defectsOf?.(instance.name) ?? {};
    const does = [
      ...capture.map((defect) => `restarts ${instance.services.capture} without the defect ${defect}`),
      ...sink.map((defect) => `restarts ${instance.services.sink} without the defect ${defect}`),
    ];
    return {
      does: does.length === 0 ? ['nothing: no defect is planted in this pipeline'] : does,
      commands: [],
      loses: null,
      undo: null,
    };
  },

  async run(context) {
    const { lab, instance } = context;
    const planted = lab.defectsOf?.(instance.name) ?? {};
    const restarted = (await lab.upgrade?.(instance.name)) ?? [];
    const states: string[] = [];
    for (const name of ['capture', 'sink']) {
      const connector = connectorOf(instance, name);
      const { state } = (await connector.workers.status()).connector;
      const isHeld = state === 'PAUSED' || state === 'STOPPED';
      await untilState(connector, isHeld ? state : 'RUNNING', context);
      states.push(`${connector.name} ${isHeld ? state : 'RUNNING'}`);
    }
    const said =
      restarted.length === 0
        ? 'nothing to upgrade: no defect is planted'
        : `restarted ${restarted.join(', ')} without their defects`;
    return { said, evidence: { restarted, planted, states } };
  },
});
