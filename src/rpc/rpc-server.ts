/** The one server of calls between nodes: every method of every service passes the authorization before its handler sees it. */
import { chmodSync, rmSync } from 'node:fs';
import { isIP } from 'node:net';
import {
  Server,
  type MethodDefinition,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { identityOf } from '#ca/certificate';
import { authorize, callerByKey, type Caller, type Members } from './authorization.ts';
import { keyDigestOf, tlsSocketOf } from './credentials.ts';
import { channelLimits } from './limits.ts';
import { toServiceError } from './refusals.ts';

export interface RpcServerParts {
  credentials: ServerCredentials;
  members: Members;
  logger: Logger;
  /** Whoever can connect is this one: a socket that only this host's root can open. */
  caller?: Caller;
}

/** What handlers of all four kinds have in common. */
interface AnyCall extends Pick<ServerUnaryCall<object, object>, 'getPeer' | 'getAuthContext'> {
  emit(event: 'error', error: object): boolean;
}
type Answer = (error: object) => void;

const shutdownLimitMs = 1000;
const callers = new WeakMap<object, Caller>();
/** Who opened each connection: that is settled with its handshake. */
const connections = new WeakMap<object, Caller | undefined>();

/** A server for the agent of this host: whoever opens the socket `path` is this node, for only root can. */
export function localServer(path: string, nodeId: string, logger: Logger): RpcServer {
  const caller: Caller = { nodeId, role: 'manager', clusterId: '' };
  return new RpcServer(`unix:${path}`, {
    credentials: ServerCredentials.createInsecure(),
    members: { clusterId: () => '', roleOf: () => 'manager', current: () => true },
    caller,
    logger,
  });
}

/** Whose call this is; refuses where anybody may call. */
export function callerOf(call: object): Caller {
  const caller = callers.get(call);
  if (!caller) throw new Refusal('unauthenticated', 'this needs the certificate of a node of the cluster');
  return caller;
}

export class RpcServer {
  readonly #server = new Server(channelLimits);
  readonly #address: string;
  readonly #parts: RpcServerParts;

  /** `address`: `unix:PATH`, for root alone, or `HOST:PORT`. */
  constructor(address: string, parts: RpcServerParts) {
    this.#address = address;
    this.#parts = parts;
  }

  /** Before `start`. */
  add(definition: ServiceDefinition, handlers: UntypedServiceImplementation): this {
    const guarded = Object.entries(definition).map(([name, method]) => [name, this.#guard(method, handlers[name] as UntypedHandleCall)] as const);
    this.#server.addService(definition, Object.fromEntries(guarded));
    return this;
  }

  /** Resolves with the port when it listens. Refuses `unavailable` an address that is taken or not this host's. */
  async start(): Promise<number> {
    const path = socketPath(this.#address);
    if (path !== undefined) rmSync(path, { force: true });
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(this.#address, this.#parts.credentials, (error, bound) => (error ? reject(notListening(this.#address, error)) : resolve(bound)));
    });
    if (path !== undefined) chmodSync(path, 0o600);
    return port;
  }

  /** What does not end by itself is cut off. */
  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      const cut = setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, shutdownLimitMs);
      this.#server.tryShutdown(() => {
        clearTimeout(cut);
        resolve();
      });
    });
    const path = socketPath(this.#address);
    if (path !== undefined) rmSync(path, { force: true });
  }

  #callerByKey(method: string, call: AnyCall): Caller | undefined {
    const shown = tlsSocketOf(call)?.getPeerX509Certificate();
    if (!shown) return undefined;
    const proof = { digest: keyDigestOf(shown), notAfter: Date.parse(shown.validTo) };
    const caller = callerByKey(method, proof, this.#parts.members, Date.now());
    return caller && { ...caller, ...addressOf(call.getPeer()) };
  }

  #guard(method: MethodDefinition<object, object>, handler: UntypedHandleCall): UntypedHandleCall {
    const run = handler as (call: AnyCall, answer: Answer) => void;
    return ((call: AnyCall, answer: Answer) => {
      try {
        const caller = this.#parts.caller ?? callerFrom(call) ?? this.#callerByKey(method.path, call);
        authorize(method.path, caller, this.#parts.members);
        if (caller) callers.set(call, caller);
        run(call, answer);
      } catch (error) {
        this.#parts.logger.debug(
          { method: method.path, peer: call.getPeer(), error: (error as Error).message },
          'a call of another node was refused: it was told why',
        );
        if (method.responseStream) call.emit('error', toServiceError(error));
        else answer(toServiceError(error));
      }
    }) as UntypedHandleCall;
  }
}

/** gRPC gives a certificate only when one of our roots vouches for it. It is read once for each connection. */
function callerFrom(call: AnyCall): Caller | undefined {
  const socket = tlsSocketOf(call);
  if (!socket) return readCaller(call);
  if (!connections.has(socket)) connections.set(socket, readCaller(call));
  return connections.get(socket);
}

function readCaller(call: AnyCall): Caller | undefined {
  const { CN: commonName, OU: organizationalUnit, O: organization } = call.getAuthContext().sslPeerCertificate?.subject ?? {};
  // A name that is there twice is a list: such a certificate is not ours.
  if (typeof commonName !== 'string' || typeof organizationalUnit !== 'string' || typeof organization !== 'string') return undefined;
  const identity = identityOf({ commonName, organizationalUnit, organization });
  return identity && { ...identity, ...addressOf(call.getPeer()) };
}

/** `10.0.0.2:4711`, `[fd00::2]:4711`, and version 4 within version 6. */
export function addressOf(peer: string): { address?: string } {
  const host = peer
    .replace(/:\d+$/, '')
    .replaceAll(/[[\]]/g, '')
    .replace(/^::ffff:/, '');
  return isIP(host) === 0 ? {} : { address: host };
}

function socketPath(address: string): string | undefined {
  return address.startsWith('unix:') ? address.slice('unix:'.length) : undefined;
}

function notListening(address: string, error: Error): Refusal {
  const taken = /EADDRINUSE/.test(error.message);
  const why = taken ? 'bind: address already in use' : /EADDRNOTAVAIL/.test(error.message) ? 'bind: cannot assign requested address' : error.message;
  return new Refusal('unavailable', `failed to listen on remote API address: listen tcp ${address}: ${why}`, { plain: true, taken });
}
