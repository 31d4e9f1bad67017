/** Containers on their cluster networks: connected before the start, and again when somebody took them off. */
import type Docker from 'dockerode';
import type { StepOutcome } from '#task/step';
import type { Endpoint } from '#task/container-body';
import { done, failed, notYet, statusOf, textOf } from './outcome.ts';

/** Connects a container that has not started to all of `endpoints`; those that it has already are well. */
export async function connectAll(docker: Docker, containerId: string, endpoints: readonly Endpoint[], signal: AbortSignal): Promise<void> {
  for (const endpoint of endpoints) {
    try {
      await connect(docker, containerId, endpoint, signal);
    } catch (error) {
      if (!isConnected(error)) throw error;
    }
  }
}

/** Connects a running container anew, with the address that it should have; whatever else it has on that network goes. */
export async function connectAgain(docker: Docker, containerId: string, endpoint: Endpoint, name: string, signal: AbortSignal): Promise<StepOutcome> {
  try {
    try {
      await connect(docker, containerId, endpoint, signal);
    } catch (error) {
      if (!isConnected(error)) throw error;
      await docker.getNetwork(endpoint.network).disconnect({ Container: containerId, Force: true });
      await connect(docker, containerId, endpoint, signal);
    }
    return done;
  } catch (error) {
    const prefix = `the container lost network ${name} and could not be connected to it again: `;
    // A network that is gone is made again, and then it is tried again.
    return statusOf(error) === 404 ? notYet(prefix + textOf(error)) : failed(error, prefix);
  }
}

async function connect(docker: Docker, containerId: string, { network, settings }: Endpoint, signal: AbortSignal): Promise<void> {
  const options = { Container: containerId, EndpointConfig: settings, abortSignal: signal };
  await docker.getNetwork(network).connect(options as Docker.NetworkConnectOptions);
}

function isConnected(error: unknown): boolean {
  return /already exists in network|already attached/.test(textOf(error));
}
