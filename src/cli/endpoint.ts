/** Which daemon a command talks to: -H, a docker context, DOCKER_HOST, or our own socket. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Endpoint } from './client.ts';
import { CommandError, exitCodes } from './command-error.ts';
import { sshAgent } from './ssh.ts';

const defaultSocket = '/run/shoal/shoal.sock';

export interface EndpointOptions {
  host?: string | undefined;
  context?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** -H wins over --context, that over SHOAL_HOST, that over DOCKER_HOST; without any it is our own socket. */
export function resolveEndpoint({ host, context }: EndpointOptions, environment: Environment): Endpoint {
  if (host !== undefined && context !== undefined) throw new CommandError('--host and --context exclude each other', exitCodes.usage);
  if (host !== undefined) return endpointOf(host, tlsFromEnvironment(environment));
  if (context !== undefined) return endpointOfContext(context, environment);
  const variable = environment['SHOAL_HOST'] || environment['DOCKER_HOST'];
  if (variable) return endpointOf(variable, tlsFromEnvironment(environment));
  const named = environment['DOCKER_CONTEXT'];
  return named ? endpointOfContext(named, environment) : endpointOf(`unix://${defaultSocket}`, undefined);
}

interface Tls {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  rejectUnauthorized: boolean;
}

function tlsFromEnvironment(environment: Environment): Tls | undefined {
  if (!environment['DOCKER_TLS_VERIFY']) return undefined;
  return tlsFromFolder(environment['DOCKER_CERT_PATH'] || join(homedir(), '.docker'), true);
}

function tlsFromFolder(folder: string, rejectUnauthorized: boolean): Tls {
  const read = (name: string): Buffer | undefined => (existsSync(join(folder, name)) ? readFileSync(join(folder, name)) : undefined);
  const [ca, cert, key] = [read('ca.pem'), read('cert.pem'), read('key.pem')];
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }), rejectUnauthorized };
}

function endpointOf(url: string, tls: Tls | undefined): Endpoint {
  if (url.startsWith('unix://')) return { url, secure: false, options: { socketPath: url.slice('unix://'.length) } };
  if (url.startsWith('/')) return { url: `unix://${url}`, secure: false, options: { socketPath: url } };
  if (url.startsWith('ssh://')) return { url, secure: false, options: { agent: sshAgent(url), host: 'docker' } };
  const match = /^(tcp|http|https):\/\/(\[[^\]]+\]|[^:/]+)(?::(\d+))?\/?$/.exec(url);
  if (!match) throw new CommandError(`unable to parse docker host \`${url}\`: give unix://PATH, tcp://HOST:PORT or ssh://[USER@]HOST`, exitCodes.usage);
  const secure = tls !== undefined || match[1] === 'https';
  const port = Number(match[3] ?? (secure ? 2376 : 2375));
  return { url, secure, options: { host: (match[2] ?? '').replaceAll(/[[\]]/g, ''), port, ...tls } };
}

/** The docker CLI's own store: ~/.docker/contexts/{meta,tls}/SHA256(name). */
function endpointOfContext(name: string, environment: Environment): Endpoint {
  if (name === 'default') return endpointOf(environment['DOCKER_HOST'] || 'unix:///var/run/docker.sock', tlsFromEnvironment(environment));
  const folder = join(environment['DOCKER_CONFIG'] || join(homedir(), '.docker'), 'contexts');
  const digest = createHash('sha256').update(name).digest('hex');
  const file = join(folder, 'meta', digest, 'meta.json');
  if (!existsSync(file)) throw new CommandError(`context "${name}" does not exist: ${file} is not there`);
  const meta = JSON.parse(readFileSync(file, 'utf8')) as { Endpoints?: { docker?: { Host?: string; SkipTLSVerify?: boolean } } };
  const docker = meta.Endpoints?.docker;
  if (!docker?.Host) throw new CommandError(`context "${name}" names no docker endpoint`);
  const tls = join(folder, 'tls', digest, 'docker');
  return endpointOf(docker.Host, existsSync(tls) ? tlsFromFolder(tls, !docker.SkipTLSVerify) : undefined);
}
