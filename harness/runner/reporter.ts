import { assertMethods, loadPlugin, pluginIds } from '../plugins/load-plugin.ts';
import type { JournalEvent } from './journal.ts';
import type { RunResult } from './result.ts';

export interface ReporterOptions {
  /** File to write to; null: the stream. */
  readonly file: string | null;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** The lab's folder. */
  readonly labDir: string;
  /** Options that lead a printed command to that lab; none if it is found without any. */
  readonly target?: readonly string[];
  /** stderr is a terminal, on which a line may be redrawn. */
  readonly live: boolean;
  /** Colours, each where the stream is to have them. */
  readonly color: { readonly stdout: boolean; readonly stderr: boolean };
}

/** A report that is being written: it gets the lines of the journal as they come. */
export interface StartedReporter {
  on(event: JournalEvent): void;
  /** The run has ended: writes what is left to write. */
  end(result: RunResult): Promise<void>;
}

/** One file in `harness/reporters/`; the default export. */
export interface Reporter {
  /** One sentence. */
  readonly description: string;
  create(options: ReporterOptions): StartedReporter;
}

const REPORTERS = 'harness/reporters';

export const reporterNames = (): Promise<string[]> => pluginIds(REPORTERS);

/** The reporter of that name, its shape checked. */
export async function loadReporter(name: string): Promise<Reporter> {
  const reporter = await loadPlugin(REPORTERS, 'reporter', name);
  assertMethods(reporter, ['create'], `${REPORTERS}/${name}.ts`);
  return reporter as Reporter;
}

/** Feeds all reporters. One that throws gets no more events and fails the run at its end; the others go on. */
export class Multiplexer {
  readonly #reporters = new Map<string, StartedReporter>();
  readonly failures: { reporter: string; error: unknown }[] = [];

  add(name: string, reporter: StartedReporter): void {
    this.#reporters.set(name, reporter);
  }

  on(event: JournalEvent): void {
    for (const [name, reporter] of this.#reporters) {
      try {
        reporter.on(event);
      } catch (error) {
        this.#putAside(name, error);
      }
    }
  }

  async end(result: RunResult): Promise<void> {
    for (const [name, reporter] of this.#reporters) {
      try {
        await reporter.end(result);
      } catch (error) {
        this.#putAside(name, error);
      }
    }
  }

  #putAside(reporter: string, error: unknown): void {
    this.#reporters.delete(reporter);
    this.failures.push({ reporter, error });
  }
}
