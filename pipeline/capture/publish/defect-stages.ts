import type { Defect, OffsetStage, PublishStage } from '../../contract/stages.ts';

/** The publish stage with the planted defects around it. Without a defect it is the healthy stage itself. */
export function withPublishDefects(healthy: PublishStage, defects: readonly Defect[]): PublishStage {
  const defective = defects.reduce((stage, defect) => defect.publish?.(stage) ?? stage, healthy);
  return defective === healthy ? healthy : inTurn(asProperties(defective));
}

/** The same for the stage that stores positions. */
export function withOffsetDefects(healthy: OffsetStage, defects: readonly Defect[]): OffsetStage {
  return defects.reduce((stage, defect) => defect.offsets?.(stage) ?? stage, healthy);
}

/**
 * Turns each record's parts into properties with bytes of their own. Defects copy records and change the copies; a copy of
 * a fast-path record, which makes its parts lazily, would lack key, value and headers. And they keep records for longer
 * than until they are acknowledged.
 */
function asProperties(stage: PublishStage): PublishStage {
  return {
    async publish(records) {
      await stage.publish(
        records.map(({ topic, key, value, headers, position, partition }) => ({
          ...{ topic, headers, position, ...(partition === undefined ? {} : { partition }) },
          key: key && Buffer.from(key),
          value: value && Buffer.from(value),
        })),
      );
    },
  };
}

/** One publish at a time, in the order of the calls: a defect may keep records from one call for the next. */
function inTurn(stage: PublishStage): PublishStage {
  let last: Promise<void> = Promise.resolve();
  return {
    async publish(records) {
      const mine = last.then(() => stage.publish(records));
      // A failure rejects only the call that it belongs to; the next publish still runs.
      last = mine.catch(() => {});
      await mine;
    },
  };
}
