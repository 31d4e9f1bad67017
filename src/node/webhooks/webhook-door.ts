/** The door for webhooks and git, where the operator asks for one: what it listens on, and what it is given. */
import { readFileSync } from 'node:fs';
import { HttpDoor, type HttpDoorOptions } from '#api/door/http-door';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { EngineClient } from '#http/engine-client';
import { socketEndpoint } from '#http/endpoint';
import type { RepositoryToken, TrustedIssuer } from '#model/object/repository';
import { bringGit, bringPlan, bringVerdict } from './git-way.ts';
import type { HttpAddress } from './http-address.ts';
import type { DaemonOptions } from '../options.ts';
import { systemClock } from '../system.ts';

/** What the door needs of a view. */
type Repositories = {
  byName(
    kind: 'repository',
    name: string,
  ): { Spec: { WebhookSecret?: string }; Tokens?: readonly RepositoryToken[]; Issuers?: readonly TrustedIssuer[] } | undefined;
};

/** undefined: nobody asked for one. `view` is what this node holds of the repositories. */
export function webhookDoor({ http, socket }: DaemonOptions, view: () => Promise<Repositories>, logger: Logger): HttpDoor | undefined {
  if (!http) return undefined;
  // The daemon's own socket brings what is asked to whoever leads.
  const own = new EngineClient(socketEndpoint(socket), {
    newest: 47,
    refused: (_status, message) => new Refusal('unavailable', message),
    unreachable: (reason) => new Refusal('unavailable', reason.message),
  });
  return new HttpDoor(listenOptions(http), {
    secretOf: async (name) => (await view()).byName('repository', name)?.Spec.WebhookSecret,
    look: async (name) => void (await own.json('POST', `/shoal/v1/repositories/${encodeURIComponent(name)}/sync`)),
    repository: async (name) => (await view()).byName('repository', name),
    git: (asked, response) => bringGit(socketEndpoint(socket), asked, response),
    plan: (asked, response) => bringPlan(socketEndpoint(socket), asked, response),
    verdict: (asked, response) => bringVerdict(socketEndpoint(socket), asked, response),
    clock: systemClock,
    logger,
  });
}

function listenOptions({ host, port, cert, key }: HttpAddress): HttpDoorOptions {
  if (cert === undefined || key === undefined) return { host, port };
  return { host, port, tls: { cert: pemOf('--http-cert', cert), key: pemOf('--http-key', key) } };
}

function pemOf(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Refusal('invalidArgument', `${flag} cannot be read: ${(error as Error).message}`);
  }
}
