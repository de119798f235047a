import type { PublishStage } from '../../contract/stages.ts';

/**
 * Hands on records whose parts are properties: a planted defect copies and changes them, and of one that lies in a
 * shared buffer a copy would lack key, value and headers.
 */
export function plainly(stage: PublishStage): PublishStage {
  return {
    async publish(records) {
      await stage.publish(
        records.map(({ topic, key, value, headers, position }) => ({ topic, key, value, headers, position })),
      );
    },
  };
}
