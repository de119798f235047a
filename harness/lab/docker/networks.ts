import type Docker from 'dockerode';
import { LabError } from '../../../pipeline/contract/errors.ts';
import { ofRun } from './labels.ts';

/** The one network that the services of a run share. @throws LabError CDC-5204 where there is none. */
export async function networkOf(
  docker: Docker,
  runId: string,
): Promise<{ readonly name: string; readonly network: Docker.Network }> {
  const [network] = await docker.listNetworks({ filters: ofRun(runId) });
  if (network !== undefined) return { name: network.Name, network: docker.getNetwork(network.Id) };
  throw new LabError('CDC-5204', `The network of run ${runId} is gone.`, {
    remedy: '`cdc-lab up --runtime docker` makes it again.',
  });
}
