/** Where the Docker Engine is: a unix socket, or TCP with or without TLS. */
import { existsSync, readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Refusal } from '#base/refusal';

export interface EngineEndpoint {
  /** As people write it, for messages. */
  url: string;
  /** As node's http and https take it. */
  options: RequestOptions;
  secure: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads PATH, unix://PATH, tcp://HOST[:PORT]; certificates come as the docker CLI finds them (DOCKER_TLS_VERIFY, DOCKER_CERT_PATH). */
export function engineEndpoint(text: string, environment: Environment): EngineEndpoint {
  const path = text.startsWith('unix://') ? text.slice('unix://'.length) : text;
  if (path.startsWith('/')) return { url: `unix://${path}`, options: { socketPath: path }, secure: false };
  const match = /^(tcp|http|https):\/\/(\[[^\]]+\]|[^:/]+)(?::(\d+))?\/?$/.exec(text);
  if (!match) throw new Refusal('invalidArgument', `--engine ${text}: give unix://PATH or tcp://HOST:PORT`);
  const [, scheme = '', host = '', port] = match;
  const secure = scheme === 'https' || Boolean(environment['DOCKER_TLS_VERIFY']);
  const address = host.replaceAll(/[[\]]/g, '');
  const options = { host: address, port: Number(port ?? (secure ? 2376 : 2375)) };
  if (!secure) return { url: text, options, secure };
  // Said here, or node would take it from the Host header, which is no address. Bare addresses are not allowed as names.
  const servername = isIP(address) === 0 ? address : '';
  return { url: text, options: { ...options, servername, ...certificates(environment) }, secure };
}

function certificates(environment: Environment): RequestOptions {
  const folder = environment['DOCKER_CERT_PATH'] || join(homedir(), '.docker');
  const read = (name: string): Buffer | undefined => (existsSync(join(folder, name)) ? readFileSync(join(folder, name)) : undefined);
  const [ca, cert, key] = [read('ca.pem'), read('cert.pem'), read('key.pem')];
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}
