/** What a host must have to be a node, and what its engine says of itself. */
import { Refusal } from '#base/refusal';
import { DockerEngine } from '#engine/docker-engine';
import { checkHost } from '#host/check-host';
import type { DaemonOptions } from '../options.ts';

export class Fitness {
  #kernelIsFit = false;

  /** Refuses a host that lacks something. What its kernel took once is not tried again, for that takes as long as all the rest of a join. */
  async check(): Promise<void> {
    const missing = await checkHost(this.#kernelIsFit);
    if (missing.length > 0) throw new Refusal('failedPrecondition', `this host cannot carry the cluster's network: ${missing.join('; ')}`);
    this.#kernelIsFit = true;
  }
}

export async function describeEngine(options: DaemonOptions, nodeId: string): ReturnType<DockerEngine['describe']> {
  const engine = new DockerEngine({ socketPath: options.engine, nodeId, runFolder: options.run });
  try {
    return await engine.describe();
  } catch (error) {
    throw new Refusal('unavailable', `the Docker Engine at ${options.engine} does not answer: ${(error as Error).message}`);
  }
}
