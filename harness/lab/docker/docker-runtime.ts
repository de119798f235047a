import type Docker from 'dockerode';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { poll } from '../../wait.ts';
import { type DiskRoom, type Proof, proof, type Runtime, type ServiceInfo } from '../runtime.ts';
import { probe, refusal } from '../services/probes.ts';
import {
  aliasOfFound,
  type Found,
  findService,
  findServices,
  hostPort,
  infoOf,
  nameOf,
  networkOf,
  probeOf,
  stateOf,
} from './containers.ts';
import { fillDisk, freeDisk, roomOf } from './disk.ts';
import { readLog } from './logs.ts';

/** A container that does not end on its stop signal is killed after this. */
const STOP_SECONDS = 20;
const GONE_TIMEOUT_MS = 30_000;
/** As long as Compose's health checks allow: Kafka Connect starts slowly on a busy machine. */
const ANSWER_TIMEOUT_MS = 300_000;
const PROBE_TIMEOUT_MS = 2_000;
/** A paused service must stay silent for this long. */
const SILENCE_MS = 300;

/** Services as containers of one engine, found by the run's id in their labels; no other container is touched. */
export class DockerRuntime implements Runtime {
  readonly name = 'docker';
  readonly docker: Docker;
  readonly runId: string;
  readonly #password: string;
  readonly roomOf?: (service: string) => Promise<DiskRoom>;
  readonly fillDisk?: (service: string) => Promise<Proof>;
  readonly freeDisk?: (service: string) => Promise<Proof>;

  /** @param limitedDisks Whether the run's volumes have a size limit, so that they can be filled. */
  constructor(docker: Docker, runId: string, password: string, limitedDisks = false) {
    this.docker = docker;
    this.runId = runId;
    this.#password = password;
    if (!limitedDisks) return;
    this.roomOf = (service) => roomOf(docker, runId, service);
    this.fillDisk = (service) => fillDisk(docker, runId, service);
    this.freeDisk = (service) => freeDisk(docker, runId, service);
  }

  async services(): Promise<readonly ServiceInfo[]> {
    return (await findServices(this.docker, this.runId)).map(infoOf);
  }

  /** SIGKILL of the container's first process: the kernel ends all others of its process namespace with it. */
  async kill(service: string): Promise<Proof> {
    const found = await this.#living(service);
    await found.container.kill({ signal: 'SIGKILL' });
    const { State } = await this.#ended(found);
    const evidence = { container: nameOf(found.details), pid: found.details.State.Pid, gone: true };
    return proof('killed', service, {
      ...evidence,
      exitCode: State.ExitCode,
      ...(await refusal(service, hostPort(found))),
    });
  }

  /** Freezes every process of the container, in the kernel. */
  async pause(service: string): Promise<Proof> {
    const found = await this.#living(service);
    await found.container.pause();
    const now = await this.#find(service);
    if (stateOf(now.details) !== 'paused')
      throw new Error(`${service} is not paused although it was asked to be`);
    const evidence = {
      container: nameOf(now.details),
      pid: now.details.State.Pid,
      state: now.details.State.Status,
    };
    const asked = probeOf(now);
    if (asked.tag === 'none') return proof('paused', service, evidence);
    const outcome = await probe(asked, this.#password, SILENCE_MS);
    if (outcome.ok) throw new Error(`${service} answers although every process of it is frozen`);
    return proof('paused', service, { ...evidence, answer: `none within ${SILENCE_MS} ms (${outcome.why})` });
  }

  async resume(service: string): Promise<Proof> {
    const found = await this.#find(service);
    if (stateOf(found.details) === 'paused') await found.container.unpause();
    return this.#answers(service, 'resumed');
  }

  async start(service: string, signal?: AbortSignal): Promise<Proof> {
    const found = await this.#find(service);
    if (!found.details.State.Running) await found.container.start();
    return this.#answers(service, 'started', {}, signal);
  }

  async stop(service: string): Promise<Proof> {
    const found = await this.#find(service);
    const evidence = { container: nameOf(found.details), pid: found.details.State.Pid };
    if (!found.details.State.Running)
      return proof('stopped', service, { ...evidence, how: 'it did not run' });
    // A frozen process handles no signal.
    if (found.details.State.Paused) await found.container.unpause();
    await found.container.stop({ t: STOP_SECONDS });
    const { State } = await this.#ended(found);
    const how = State.ExitCode === 137 ? 'SIGKILL, after it had not ended in time' : 'its stop signal';
    return proof('stopped', service, { ...evidence, gone: true, how, exitCode: State.ExitCode });
  }

  async restart(service: string): Promise<Proof> {
    const stopped = await this.stop(service);
    const started = await this.start(service);
    const pids = { pidBefore: stopped.evidence.pid, pid: started.evidence.pid };
    return proof('restarted', service, { ...started.evidence, ...pids, how: stopped.evidence.how });
  }

  /** The engine removes the container's network interface, and with it its published ports. */
  async disconnect(service: string): Promise<Proof> {
    const found = await this.#living(service);
    const { name, network } = await networkOf(this.docker, this.runId);
    await network.disconnect({ Container: found.details.Id });
    const { NetworkSettings } = (await this.#find(service)).details;
    const left = Object.keys(NetworkSettings.Networks);
    if (left.length > 0) throw new Error(`${service} is still on ${left.join(', ')}`);
    const evidence = { container: nameOf(found.details), pid: found.details.State.Pid, network: name };
    return proof('disconnected', service, { ...evidence, networks: left, ...(await unreachable(found)) });
  }

  async connect(service: string): Promise<Proof> {
    const found = await this.#find(service);
    const { name, network } = await networkOf(this.docker, this.runId);
    if (found.details.NetworkSettings.Networks[name] === undefined) {
      const EndpointConfig = { Aliases: [aliasOfFound(found)] };
      await network.connect({ Container: found.details.Id, EndpointConfig });
    }
    return this.#answers(service, 'connected', { network: name });
  }

  async readLog(service: string, lines: number): Promise<string> {
    return readLog((await this.#find(service)).container, lines);
  }

  /** Waits until a running service answers. @throws LabError CDC-5206 with its last lines if it does not. */
  async #answers(
    service: string,
    action: string,
    evidence: Record<string, unknown> = {},
    signal?: AbortSignal,
  ): Promise<Proof> {
    const begin = performance.now();
    let why = 'it was not probed yet';
    const answer = await poll(
      async () => {
        const found = await this.#find(service);
        const { State } = found.details;
        // A workload may have done its work by now.
        if (!State.Running && State.ExitCode === 0 && found.kind === 'workload')
          return { said: 'it ran', pid: null };
        if (!State.Running) throw await this.#notRunning(found, `it ended with exit code ${State.ExitCode}`);
        const outcome = await probe(probeOf(found), this.#password, PROBE_TIMEOUT_MS);
        if (!outcome.ok) why = outcome.why;
        return outcome.ok ? { said: outcome.answer, pid: State.Pid } : undefined;
      },
      { withinMs: ANSWER_TIMEOUT_MS, everyMs: 20, maxEveryMs: 200, signal },
    );
    if (answer === undefined)
      throw await this.#notRunning(
        await this.#find(service),
        `it did not answer within ${ANSWER_TIMEOUT_MS} ms (${why})`,
      );
    const answerMs = Math.round(performance.now() - begin);
    return proof(action, service, { ...evidence, pid: answer.pid, firstAnswer: answer.said, answerMs });
  }

  async #notRunning({ service, container, details }: Found, why: string): Promise<LabError> {
    const lines = await readLog(container, 15);
    return new LabError(
      'CDC-5206',
      `${service} is not ready: ${why}. Its last log lines:\n${lines.trimEnd()}`,
      {
        remedy: `docker logs ${nameOf(details)}`,
      },
    );
  }

  async #ended({ service }: Found): Promise<Docker.ContainerInspectInfo> {
    const ended = await poll(
      async () => {
        const { details } = await this.#find(service);
        return details.State.Running ? undefined : details;
      },
      { withinMs: GONE_TIMEOUT_MS, everyMs: 5, maxEveryMs: 200 },
    );
    if (ended === undefined)
      throw new Error(`the container of ${service} still runs after ${GONE_TIMEOUT_MS} ms`);
    return ended;
  }

  #find(service: string): Promise<Found> {
    return findService(this.docker, this.runId, service);
  }

  async #living(service: string): Promise<Found> {
    const found = await this.#find(service);
    if (found.details.State.Running) return found;
    throw new LabError('CDC-5205', `${service} is not running.`, { remedy: '`cdc-lab up` starts it.' });
  }
}

/** The engine's proxy may still accept connections; what counts is that nothing answers behind it. */
async function unreachable(found: Found): Promise<Record<string, unknown>> {
  const asked = probeOf(found);
  if (asked.tag === 'none') return {};
  const outcome = await probe(asked, '', SILENCE_MS);
  if (outcome.ok) throw new Error(`${found.service} answers although it is on no network`);
  return { answer: `none (${outcome.why})` };
}
