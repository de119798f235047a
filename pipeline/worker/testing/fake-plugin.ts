import type {
  ConfigProblem,
  ConnectorConfig,
  ConnectorOffset,
  ConnectorPlugin,
  Task,
  TaskContext,
} from '../../contract/connector.ts';
import type { ComponentHealth } from '../../contract/health.ts';

/** A task that does nothing and records its calls. */
export class FakeTask implements Task {
  readonly config: ConnectorConfig;
  readonly context: TaskContext;
  readonly asked: string[] = [];
  readonly #done = Promise.withResolvers<void>();
  components: readonly ComponentHealth[] = [{ component: 'database', health: 'ok', detail: 'connected' }];
  /** `stop` waits for this promise. */
  stopping: Promise<void> = Promise.resolve();

  constructor(config: ConnectorConfig, context: TaskContext) {
    this.config = config;
    this.context = context;
  }

  get done(): Promise<void> {
    return this.#done.promise;
  }
  async pause(): Promise<void> {
    this.asked.push('pause');
  }
  async resume(): Promise<void> {
    this.asked.push('resume');
  }
  async stop(): Promise<void> {
    this.asked.push('stop');
    await this.stopping;
    this.#done.resolve();
  }
  fail(error: Error): void {
    this.#done.reject(error);
  }
  health(): readonly ComponentHealth[] {
    return this.components;
  }
}

const KEYS = ['name', 'connector.class', 'tasks.max', 'database.password', 'topic.prefix', 'topics'];

/** A connector class that accepts {@link KEYS} and gives tests access to its tasks. */
export class FakePlugin implements ConnectorPlugin {
  readonly className: string;
  readonly type: 'source' | 'sink';
  readonly version = '1.2.3';
  readonly tasks: FakeTask[] = [];
  /** The next `start` waits for this, and fails if it rejects. */
  starting: () => Promise<void> = async () => {};
  stored: readonly ConnectorOffset[] = [];
  /** What reading and altering offsets fail with, as where a database is down. */
  unreachable: Error | null = null;

  constructor(className: string, type: 'source' | 'sink') {
    this.className = className;
    this.type = type;
  }

  /** The last task that was started. */
  get task(): FakeTask {
    const last = this.tasks.at(-1);
    if (last === undefined) throw new Error('no task was started');
    return last;
  }

  validate(config: ConnectorConfig): readonly ConfigProblem[] {
    return Object.keys(config)
      .filter((key) => !KEYS.includes(key))
      .map((key) => ({ key, message: `${key} is not known`, nearest: 'topics' }));
  }
  async start(config: ConnectorConfig, context: TaskContext): Promise<Task> {
    await this.starting();
    const task = new FakeTask(config, context);
    this.tasks.push(task);
    return task;
  }
  async offsets(): Promise<readonly ConnectorOffset[]> {
    if (this.unreachable !== null) throw this.unreachable;
    return this.stored;
  }
  async alterOffsets(
    _config: ConnectorConfig,
    _context: TaskContext,
    offsets: readonly ConnectorOffset[] | null,
  ): Promise<void> {
    if (this.unreachable !== null) throw this.unreachable;
    this.stored = offsets ?? [];
  }
}
