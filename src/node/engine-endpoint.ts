/** The engine of a Docker Swarm that the daemon stands beside. */
import { Refusal } from '#base/refusal';
import { certificatesOf, parseEndpoint, type Endpoint } from '#http/endpoint';

/** Reads --engine: PATH, unix://PATH or tcp://HOST[:PORT]. By ssh the daemon would hold a login of somebody's for ever, so that is refused. */
export function engineEndpoint(text: string, environment: Readonly<Record<string, string | undefined>>): Endpoint {
  try {
    if (!text.startsWith('ssh://')) return parseEndpoint(text, certificatesOf(environment));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  throw new Refusal('invalidArgument', `--engine ${text}: give unix://PATH or tcp://HOST:PORT`);
}
