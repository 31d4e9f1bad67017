/** Where a daemon that speaks the Engine API is: a unix socket, TCP with or without TLS, or another host by ssh. */
import { existsSync, readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Refusal } from '#base/refusal';
import { sshAgent } from './ssh.ts';

export interface Endpoint {
  /** As people write it, for messages. */
  url: string;
  /** As node's http and https take it. */
  options: RequestOptions;
  secure: boolean;
}

export interface Certificates {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  /** False: whoever answers is believed. */
  rejectUnauthorized?: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

export function socketEndpoint(path: string): Endpoint {
  return { url: `unix://${path}`, options: { socketPath: path }, secure: false };
}

/** Reads PATH, unix://PATH, tcp://HOST[:PORT], http(s)://HOST[:PORT] and ssh://[USER@]HOST. Refuses `invalidArgument`, with `url` in the text. */
export function parseEndpoint(url: string, certificates: Certificates | undefined): Endpoint {
  const path = url.startsWith('unix://') ? url.slice('unix://'.length) : url;
  if (path.startsWith('/')) return socketEndpoint(path);
  if (url.startsWith('ssh://')) return { url, options: { agent: sshAgent(url), host: 'docker' }, secure: false };
  const match = /^(tcp|http|https):\/\/(\[[^\]]+\]|[^:/]+)(?::(\d+))?\/?$/.exec(url);
  if (!match) throw new Refusal('invalidArgument', `unable to parse docker host \`${url}\`: give unix://PATH, tcp://HOST:PORT or ssh://[USER@]HOST`);
  const [, scheme = '', named = '', port] = match;
  const secure = certificates !== undefined || scheme === 'https';
  const host = named.replaceAll(/[[\]]/g, '');
  const options = { host, port: Number(port ?? (secure ? 2376 : 2375)) };
  // Said here, or node would take it from the Host header, which is no address. Bare addresses are not allowed as names.
  return { url, options: secure ? { ...options, servername: isIP(host) === 0 ? host : '', ...certificates } : options, secure };
}

/** As the docker CLI finds them: DOCKER_TLS_VERIFY, DOCKER_CERT_PATH; undefined where TLS is not asked for. */
export function certificatesOf(environment: Environment): Certificates | undefined {
  return environment['DOCKER_TLS_VERIFY'] ? certificatesIn(environment['DOCKER_CERT_PATH'] || join(homedir(), '.docker')) : undefined;
}

/** ca.pem, cert.pem and key.pem of a folder, those that are there. */
export function certificatesIn(folder: string): Certificates {
  const read = (name: string): Buffer | undefined => (existsSync(join(folder, name)) ? readFileSync(join(folder, name)) : undefined);
  const [ca, cert, key] = [read('ca.pem'), read('cert.pem'), read('key.pem')];
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}
