/** The one server of calls between nodes: every call passes the authorization before a byte of its message is read. */
import type { EventEmitter } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import { isIP } from 'node:net';
import {
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  logVerbosity,
  setLogVerbosity,
  status,
  type MethodDefinition,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServiceDefinition,
  type UntypedHandleCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { identityOf, type NodeRole } from '#ca/certificate';
import { plainAddress, sourceOf } from '#model/address';
import { Door, type Newcomer } from './admission/door.ts';
import { NodeCalls } from './admission/node-calls.ts';
import { Strangers } from './admission/strangers.ts';
import { authorize, boundOf, callerByKey, messageLimitOf, type Caller, type Members } from './authorization.ts';
import { keyShownBy, limitMessages, streamOf, tlsSocketOf } from './credentials.ts';
import { channelLimits } from './limits.ts';
import { toServiceError } from './refusals.ts';

// What it writes by itself of strangers' requests would fill the journal.
setLogVerbosity(logVerbosity.NONE);

export interface RpcServerParts {
  credentials: ServerCredentials;
  members: Members;
  logger: Logger;
  /** As what somebody comes from this address; absent: all are alike. */
  comesAs?: (address: string) => Newcomer;
  /** Whoever can connect is this one: a socket that only this host's root can open. */
  caller?: Caller;
}

/** A call before anything of it was read. */
type InterceptedCall = ServerInterceptingCallInterface;

/** For an answer that is on its way. */
const lastWordMs = 200;
const tooLong = { code: status.DEADLINE_EXCEEDED, details: 'this took too long' };
const shutdownLimitMs = 1000;
/** Of one node; it needs a few. */
const mostConnections = 64;
/** By the call's stream. */
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

/** Whose call this is, if that is known. */
export function knownCaller(call: object): Caller | undefined {
  return callers.get(streamOf(call) ?? call);
}

/** Whose call this is; refuses where anybody may call. */
export function callerOf(call: object): Caller {
  const caller = knownCaller(call);
  if (!caller) throw new Refusal('unauthenticated', 'this needs the certificate of a node of the cluster');
  return caller;
}

export class RpcServer {
  readonly #server: Server;
  readonly #address: string;
  readonly #parts: RpcServerParts;
  /** Of each node, what it has open. */
  readonly #connections = new Map<string, { role: NodeRole; sessions: Set<Http2Session> }>();
  readonly #strangers = new Strangers();
  readonly #nodeCalls = new NodeCalls();
  /** Connections that have asked something. */
  readonly #spoke = new WeakSet<Http2Session>();
  /** Absent before it listens, and on a socket of this host. */
  #door: Door | undefined;

  /** `address`: `unix:PATH`, for root alone, or `HOST:PORT`. */
  constructor(address: string, parts: RpcServerParts) {
    this.#address = address;
    this.#parts = parts;
    // One that lets a call pass hands it on as it is.
    const admit = ({ path }: { path: string }, call: InterceptedCall): InterceptedCall => this.#admit(path, call);
    this.#server = new Server({ ...channelLimits, interceptors: [admit as unknown as ServerInterceptor] });
  }

  /** Before `start`. */
  add(definition: ServiceDefinition, handlers: UntypedServiceImplementation): this {
    const answering = Object.entries(definition).map(([name, method]) => [name, answersAll(method, handlers[name] as UntypedHandleCall)] as const);
    this.#server.addService(definition, Object.fromEntries(answering));
    return this;
  }

  /** Resolves with the port when it listens. Refuses `unavailable` an address that is taken or not this host's. */
  async start(): Promise<number> {
    const path = socketPath(this.#address);
    if (path !== undefined) rmSync(path, { force: true });
    if (path === undefined) return this.#open();
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(this.#address, this.#parts.credentials, (error, bound) => (error ? reject(notListening(this.#address, error)) : resolve(bound)));
    });
    chmodSync(path, 0o600);
    return port;
  }

  async #open(): Promise<number> {
    const inside = this.#server.createConnectionInjector(this.#parts.credentials);
    const door = new Door((connection) => inside.injectConnection(connection), this.#parts.comesAs);
    const port = await door.listen(this.#address).catch((error: unknown) => {
      throw notListening(this.#address, error as Error);
    });
    this.#door = door;
    return port;
  }

  /** What does not end by itself is cut off. */
  async stop(): Promise<void> {
    this.#door?.close();
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

  /** Ends what `nodeId` has open here: it comes again, and is judged anew. What it was just answered gets out. */
  cut(nodeId: string): void {
    for (const session of this.#connections.get(nodeId)?.sessions ?? []) {
      session.close();
      setTimeout(() => session.destroy(), lastWordMs).unref();
    }
  }

  /** What is known of nodes is another than before: who may do less now is cut off. */
  judgeAnew(): void {
    const { members } = this.#parts;
    for (const [nodeId, { role }] of this.#connections) {
      const now = members.wasRemoved?.(nodeId) ? undefined : members.roleOf(nodeId);
      if (now === undefined || (role === 'manager' && now !== 'manager')) this.cut(nodeId);
    }
  }

  /** Before a byte of a message is read: who may not call, or sends too much, costs no memory. */
  #admit(method: string, call: InterceptedCall): InterceptedCall {
    const { members, logger } = this.#parts;
    this.#heard(call);
    try {
      const caller = this.#parts.caller ?? callerFrom(call) ?? this.#callerByKey(method, call);
      authorize(method, caller, members);
      limitMessages(call, messageLimitOf(method));
      const stream = streamOf(call);
      if (!stream) throw new Error('a call without a stream');
      if (caller) {
        const bound = boundOf(method);
        const bytes = bound === 'one' ? messageLimitOf(method) : undefined;
        if (bound) this.#nodeCalls.enter(caller.nodeId, bytes, stream, () => end(call, tooLong));
        callers.set(stream, caller);
        this.#hold(caller, stream);
      } else this.#strangers.enter(sourceOf(addressOf(call.getPeer()).address ?? ''), stream, () => end(call, tooLong));
      return call;
    } catch (error) {
      logger.debug({ method, peer: call.getPeer(), error: (error as Error).message }, 'a call of another node was refused: it was told why');
      const { code = status.UNKNOWN, details = '', metadata = null } = toServiceError(error);
      return new ServerInterceptingCall(call, { start: (next) => next({ onReceiveMetadata: () => end(call, { code, details, metadata }) }) });
    }
  }

  /** A connection that asks has its handshake behind it. */
  #heard(call: InterceptedCall): void {
    const session = this.#door && streamOf(call)?.session;
    if (!session || this.#spoke.has(session)) return;
    this.#spoke.add(session);
    this.#door?.spoke(session.socket);
  }

  #callerByKey(method: string, call: InterceptedCall): Caller | undefined {
    const shown = keyShownBy(call);
    const caller = shown === undefined ? undefined : callerByKey(method, shown, this.#parts.members, Date.now());
    return caller && { ...caller, ...addressOf(call.getPeer()) };
  }

  #hold({ nodeId, role }: Caller, { session }: ServerHttp2Stream): void {
    const held = this.#connections.get(nodeId) ?? { role, sessions: new Set<Http2Session>() };
    // Once a manager, it may have something open as that.
    if (role === 'manager') held.role = role;
    if (!session || held.sessions.has(session)) return;
    if (held.sessions.size >= mostConnections) {
      session.close();
      throw new Refusal('unavailable', `node ${nodeId} has too many connections: ${mostConnections} are taken`);
    }
    this.#connections.set(nodeId, held);
    this.#door?.known(session.socket);
    held.sessions.add(session);
    session.once('close', () => {
      held.sessions.delete(session);
      if (held.sessions.size === 0 && this.#connections.get(nodeId) === held) this.#connections.delete(nodeId);
    });
  }
}

/** What a handler throws is its answer. */
function answersAll({ responseStream }: MethodDefinition<object, object>, handler: UntypedHandleCall): UntypedHandleCall {
  const run = handler as (call: EventEmitter, answer: (error: object) => void) => void;
  return ((call: EventEmitter, answer: (error: object) => void) => {
    try {
      run(call, answer);
    } catch (error) {
      if (responseStream) call.emit('error', toServiceError(error));
      else answer(toServiceError(error));
    }
  }) as UntypedHandleCall;
}

/** Answers, and waits for nothing more: a caller who does not end his side keeps nothing open. */
function end(call: InterceptedCall, answer: Parameters<InterceptedCall['sendStatus']>[0]): void {
  call.sendStatus(answer);
  const stream = streamOf(call);
  setImmediate(() => stream?.close());
}

/** gRPC gives a certificate only when one of our roots vouches for it. It is read once for each connection. */
function callerFrom(call: InterceptedCall): Caller | undefined {
  const socket = tlsSocketOf(call);
  if (!socket) return readCaller(call);
  if (!connections.has(socket)) connections.set(socket, readCaller(call));
  return connections.get(socket);
}

function readCaller(call: InterceptedCall): Caller | undefined {
  const { CN: commonName, OU: organizationalUnit, O: organization } = call.getAuthContext().sslPeerCertificate?.subject ?? {};
  // A name that is there twice is a list: such a certificate is not ours.
  if (typeof commonName !== 'string' || typeof organizationalUnit !== 'string' || typeof organization !== 'string') return undefined;
  const identity = identityOf({ commonName, organizationalUnit, organization });
  return identity && { ...identity, ...addressOf(call.getPeer()) };
}

/** `10.0.0.2:4711`, `[fd00::2]:4711`, and version 4 within version 6. */
export function addressOf(peer: string): { address?: string } {
  const host = plainAddress(peer.replace(/:\d+$/, '').replaceAll(/[[\]]/g, ''));
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
