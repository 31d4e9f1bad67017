/** Which daemon a command talks to: -H, a docker context, DOCKER_HOST, or our own socket. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { defaultSocket } from '#http/default-socket';
import { Refusal } from '#base/refusal';
import { certificatesIn, certificatesOf, parseEndpoint, type Certificates, type Endpoint } from '#http/endpoint';
import { CommandError, exitCodes } from './command-error.ts';

export interface EndpointOptions {
  host?: string | undefined;
  context?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** -H wins over --context, that over SHOAL_HOST, that over DOCKER_HOST; without any it is our own socket. */
export function resolveEndpoint({ host, context }: EndpointOptions, environment: Environment): Endpoint {
  if (host !== undefined && context !== undefined) throw new CommandError('--host and --context exclude each other', exitCodes.usage);
  if (host !== undefined) return endpointOf(host, certificatesOf(environment));
  if (context !== undefined) return endpointOfContext(context, environment);
  const variable = environment['SHOAL_HOST'] || environment['DOCKER_HOST'];
  if (variable) return endpointOf(variable, certificatesOf(environment));
  const named = environment['DOCKER_CONTEXT'];
  return named ? endpointOfContext(named, environment) : endpointOf(`unix://${defaultSocket}`, undefined);
}

function endpointOf(url: string, certificates: Certificates | undefined): Endpoint {
  try {
    return parseEndpoint(url, certificates);
  } catch (error) {
    throw error instanceof Refusal ? new CommandError(error.message, exitCodes.usage) : error;
  }
}

/** The docker CLI's own store: ~/.docker/contexts/{meta,tls}/SHA256(name). */
function endpointOfContext(name: string, environment: Environment): Endpoint {
  if (name === 'default') return endpointOf(environment['DOCKER_HOST'] || 'unix:///var/run/docker.sock', certificatesOf(environment));
  const folder = join(environment['DOCKER_CONFIG'] || join(homedir(), '.docker'), 'contexts');
  const digest = createHash('sha256').update(name).digest('hex');
  const file = join(folder, 'meta', digest, 'meta.json');
  if (!existsSync(file)) throw new CommandError(`context "${name}" does not exist: ${file} is not there`);
  const meta = JSON.parse(readFileSync(file, 'utf8')) as { Endpoints?: { docker?: { Host?: string; SkipTLSVerify?: boolean } } };
  const docker = meta.Endpoints?.docker;
  if (!docker?.Host) throw new CommandError(`context "${name}" names no docker endpoint`);
  const tls = join(folder, 'tls', digest, 'docker');
  return endpointOf(docker.Host, existsSync(tls) ? { ...certificatesIn(tls), rejectUnauthorized: !docker.SkipTLSVerify } : undefined);
}
