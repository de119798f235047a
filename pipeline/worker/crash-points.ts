import { CRASH_POINTS, type CrashPoint, type CrashPoints } from '../contract/crash-points.ts';

const NAMES: ReadonlySet<string> = new Set(Object.values(CRASH_POINTS));

export function isCrashPoint(name: string): name is CrashPoint {
  return NAMES.has(name);
}

interface Armed {
  /** Arrivals that still pass without waiting. */
  skip: number;
  arrivals: number;
  /** When the first waiting task arrived (ISO 8601); null while none waits. */
  since: string | null;
  readonly released: PromiseWithResolvers<void>;
}

/** Answer of `GET /lab/crash-points`. */
export interface CrashPointReport {
  readonly armed: readonly { readonly name: CrashPoint; readonly skip: number }[];
  readonly waiting: readonly {
    readonly name: CrashPoint;
    readonly since: string;
    readonly arrivals: number;
  }[];
}

/**
 * Crash points that are armed over the REST API. After the arrivals to skip, every task that reaches an armed point
 * waits there until the point is disarmed or the process is killed.
 */
export class ControlledCrashPoints implements CrashPoints {
  readonly #armed = new Map<CrashPoint, Armed>();

  /** Arms a point. If it is armed already, the tasks that wait there are released first. */
  arm(name: CrashPoint, skip: number): void {
    this.disarm(name);
    this.#armed.set(name, { skip, arrivals: 0, since: null, released: Promise.withResolvers() });
  }

  /** Releases the tasks that wait at the point. @returns false if it was not armed. */
  disarm(name: CrashPoint): boolean {
    const point = this.#armed.get(name);
    point?.released.resolve();
    return this.#armed.delete(name);
  }

  reach(name: CrashPoint): Promise<void> | undefined {
    const point = this.#armed.get(name);
    if (point === undefined) return undefined;
    point.arrivals += 1;
    if (point.skip > 0) {
      point.skip -= 1;
      return undefined;
    }
    point.since ??= new Date().toISOString();
    return point.released.promise;
  }

  holds(name: CrashPoint): boolean {
    return this.#armed.get(name)?.skip === 0;
  }

  report(): CrashPointReport {
    const all = [...this.#armed];
    return {
      armed: all.map(([name, { skip }]) => ({ name, skip })),
      waiting: all.flatMap(([name, { since, arrivals }]) =>
        since === null ? [] : [{ name, since, arrivals }],
      ),
    };
  }
}

/** The crash points of a worker that was started without `--crash-points`: none is ever armed. */
export const NO_CRASH_POINTS: CrashPoints = { reach: () => undefined, holds: () => false };
