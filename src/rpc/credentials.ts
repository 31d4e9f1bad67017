/** TLS 1.3 between nodes, from a certificate that may change while connections stand: new ones use the new certificate. The one file that knows gRPC's own credentials. */
import { createHash, type X509Certificate } from 'node:crypto';
import type { ServerHttp2Stream } from 'node:http2';
import { connect, createSecureContext, type SecureContext, type DetailedPeerCertificate, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { CallCredentials, ChannelCredentials, ServerCredentials } from '@grpc/grpc-js';
import { unitOf } from '#ca/certificate';

/** PEM texts. */
export interface NodeTls {
  /** With what vouches for its issuer. */
  certificate: string;
  key: string;
  /** Whoever is signed by one of these is of the cluster. */
  roots: string;
}

/** A node's certificate as it is now. */
export class LiveTls {
  readonly #listeners = new Set<() => void>();
  #now: NodeTls;

  constructor(first: NodeTls) {
    this.#now = first;
  }

  get now(): NodeTls {
    return this.#now;
  }

  /** From now on new connections are made with `next`. */
  replace(next: NodeTls): void {
    this.#now = next;
    for (const listener of this.#listeners) listener();
  }

  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

const version = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const;

/** What a server shows, and whom it believes. A certificate is asked for and not required: what a caller without one may do is the authorization's to say. */
export function serverCredentials(tls: LiveTls): ServerCredentials {
  return new NodeServerCredentials(tls);
}

/** What a caller shows. The other end has to be `peer`: a node's id; or any manager. */
export function clientCredentials(tls: LiveTls, peer = unitOf('manager')): ChannelCredentials {
  return new NodeChannelCredentials(peer, () => contextFor(tls.now));
}

/** For who has no certificate yet: only `roots` are believed. */
export function strangerCredentials(roots: string): ChannelCredentials {
  return new NodeChannelCredentials(unitOf('manager'), () => createSecureContext({ ...version, ca: roots }));
}

const contexts = new WeakMap<NodeTls, SecureContext>();

/** Keys and roots are read once, and not for each connection. */
export function contextFor(tls: NodeTls): SecureContext {
  const known = contexts.get(tls);
  if (known) return known;
  const context = createSecureContext(contextOf(tls));
  contexts.set(tls, context);
  return context;
}

function contextOf({ certificate, key, roots }: NodeTls): SecureContextOptions {
  return { ...version, cert: certificate, key, ca: roots };
}

class NodeServerCredentials extends ServerCredentials {
  readonly #tls: LiveTls;

  constructor(tls: LiveTls) {
    super({ requestCert: true, rejectUnauthorized: false }, contextOf(tls.now));
    this.#tls = tls;
    // As long as the server lives: its credentials are its own.
    tls.watch(() => this.updateSecureContextOptions(contextOf(this.#tls.now)));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

type Connector = ReturnType<ChannelCredentials['_createSecureConnector']>;

class NodeChannelCredentials extends ChannelCredentials {
  readonly #peer: string | undefined;
  readonly #context: () => SecureContext;

  /** `peer`: the name that the other end must have; undefined: it is not looked at. */
  constructor(peer: string | undefined, context: () => SecureContext) {
    super();
    this.#peer = peer;
    this.#context = context;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  /** Why who is at the other end is not believed, beyond what TLS has looked at; undefined: he is. */
  protected faultOf(_connection: TLSSocket): Error | undefined {
    return undefined;
  }

  override _createSecureConnector(...[, , given]: Parameters<ChannelCredentials['_createSecureConnector']>): Connector {
    let givenUp = false;
    return {
      connect: (socket) => this.#connect(socket),
      // gRPC tries an address again a second after it refused, whether or not anybody still wants to go there.
      waitForReady: () => (givenUp ? Promise.reject(new Error('nobody waits for this connection any more')) : Promise.resolve()),
      getCallCredentials: () => given ?? CallCredentials.createEmpty(),
      destroy: () => void (givenUp = true),
    };
  }

  #connect(socket: Parameters<Connector['connect']>[0]): ReturnType<Connector['connect']> {
    const name = this.#peer;
    return new Promise((resolve, reject) => {
      const secureContext = this.#context();
      const options = { socket, secureContext, ALPNProtocols: ['h2'], rejectUnauthorized: name !== undefined };
      const secured = connect({ ...options, ...(name !== undefined && { servername: name }) }, () => {
        const fault = this.faultOf(secured);
        if (!fault) return resolve({ socket: secured, secure: true });
        reject(fault);
        secured.destroy();
      });
      secured.on('error', reject);
      secured.once('close', () => reject(new Error('the connection was closed before it was secure')));
    });
  }
}

/** Of what somebody shows, no more is read: nobody vouches for him yet. */
const mostShown = 4;

/** Says why somebody is not believed by the certificates that he shows, his own first (PEM); undefined: he is. */
export type Judge = (shown: string) => Error | undefined;

/** For who has only a token: anybody may say what the root is, and by that everybody is judged, over the same connection and any other. */
export class JoinerCredentials extends NodeChannelCredentials {
  readonly #standing = new Set<TLSSocket>();
  #judge: Judge | undefined;

  constructor() {
    super(undefined, () => createSecureContext(version));
  }

  /** From now on only those are spoken to whom `judge` believes. Throws what it says against one who is connected; that connection is ended. */
  judgeBy(judge: Judge): void {
    this.#judge = judge;
    const faults = [...this.#standing].flatMap((connection) => {
      const fault = judge(shownOver(connection));
      if (fault) connection.destroy();
      return fault ?? [];
    });
    if (faults[0]) throw faults[0];
  }

  protected override faultOf(connection: TLSSocket): Error | undefined {
    const fault = this.#judge?.(shownOver(connection));
    if (fault) return fault;
    this.#standing.add(connection);
    connection.once('close', () => this.#standing.delete(connection));
    return undefined;
  }
}

function shownOver(connection: TLSSocket): string {
  const shown = new Map<string, string>();
  let next: Partial<DetailedPeerCertificate> | null = connection.getPeerCertificate(true);
  for (; next?.raw && shown.size < mostShown; next = next.issuerCertificate ?? null) {
    const text = next.raw.toString('base64');
    // The last one names itself.
    if (shown.has(text)) break;
    shown.set(text, `-----BEGIN CERTIFICATE-----\n${text.replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`);
  }
  return [...shown.values()].join('');
}

/** What gRPC has of a call before its message is read, and behind what handlers are given of it. */
interface InnerCall {
  stream?: ServerHttp2Stream;
  decoder?: { maxReadMessageLength?: number };
  maxReceiveMessageSize?: number;
}

/** What a call goes over: one for each call. */
export function streamOf(call: object): ServerHttp2Stream | undefined {
  const { stream, call: inner } = call as InnerCall & { call?: InnerCall };
  return stream ?? inner?.stream;
}

/** No message of the call may be larger; before the first one is read. Throws where gRPC is another than it was when this was written. */
export function limitMessages(call: object, bytes: number): void {
  const inner = call as InnerCall;
  if (inner.decoder?.maxReadMessageLength === undefined || inner.maxReceiveMessageSize === undefined)
    throw new Error('messages of this gRPC cannot be limited');
  inner.decoder.maxReadMessageLength = bytes;
  inner.maxReceiveMessageSize = bytes;
}

/** The connection that a call came over; undefined of one without TLS. */
export function tlsSocketOf(call: object): TLSSocket | undefined {
  const socket = streamOf(call)?.session?.socket as TLSSocket | undefined;
  return socket?.encrypted ? socket : undefined;
}

/** Digest of the key that whoever calls has shown to have; undefined where he has shown none. */
export function keyShownBy(call: object): string | undefined {
  const shown = tlsSocketOf(call)?.getPeerX509Certificate();
  return shown && keyDigestOf(shown);
}

/** As an authority notes it of the certificates that it issues. */
function keyDigestOf({ publicKey }: X509Certificate): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');
}
