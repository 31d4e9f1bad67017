/** Carries raft's messages between managers: two lines to each, one for entries and one for what must not wait behind them, and a call for a snapshot. */
import { Metadata } from '@grpc/grpc-js';
import type { Clock } from '#base/clock';
import type { Logger } from '#base/logger';
import type { Random } from '#base/random';
import { Refusal } from '#base/refusal';
import type { Configuration, InstallSnapshot } from '#raft/message';
import type { Receiver, Transport } from '#raft/transport';
import { placeParts } from '#model/manager-address';
import { clientCredentials, type LiveTls } from '../credentials.ts';
import { RaftServiceClient, RaftServiceService, type RaftServiceServer } from '../generated/shoal/v1/raft.ts';
import { channelOptions } from '../channel-options.ts';
import { toServiceError } from '../refusals.ts';
import { callerOf, type RpcServer } from '../rpc-server.ts';
import type { Accepted } from './link.ts';
import { kindOf } from './link.ts';
import { Peer } from './peer.ts';
import type { Spoken } from './raft-wire.ts';
import { SnapshotReceiving, type ReceivingCall } from './snapshot-receiving.ts';
import { SnapshotSending } from './snapshot-sending.ts';

export interface RaftTransportParts {
  readonly nodeId: string;
  /** Of the group: raised when it is made anew from one member. */
  readonly incarnation?: () => number;
  /** What this manager shows; undefined while it has no certificate: it can be called then, and calls nobody. */
  readonly tls: () => LiveTls | undefined;
  /** HOST:PORT where any of the others may be, beside what the group says: each try goes to the next one. */
  readonly elsewhere?: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Managers that are no members as far as this one knows may speak to it: it may be behind. So many at a time. */
const strangers = 32;
/**
 * Who is gone the pulses tell; that a line is dead is found before it comes back by itself. Where processes wait for the processor an answer takes
 * seconds, and to give up both lines for that costs more. Each is a connection: entries fill the one, and the other stays free.
 */
const options = { ...channelOptions, 'grpc.keepalive_time_ms': 2000, 'grpc.keepalive_timeout_ms': 5000 };

export class RaftTransport implements Transport {
  readonly #parts: RaftTransportParts;
  readonly #peers = new Map<string, Peer>();
  readonly #receiving = new Map<string, SnapshotReceiving>();
  /** Of the lines for entries that this manager has dialled. */
  readonly #clients = new Map<string, RaftServiceClient>();
  readonly #stopped = new AbortController();
  #addresses: Readonly<Record<string, string>> = {};
  #receiver: Receiver | undefined;
  #sent = 0;

  constructor(parts: RaftTransportParts) {
    this.#parts = parts;
  }

  /** Before the server starts; calls are taken once raft does. */
  addTo(server: RpcServer): void {
    server.add(RaftServiceService, this.#handlers());
  }

  async start(receiver: Receiver): Promise<void> {
    this.#receiver = receiver;
    for (const [id, address] of Object.entries(this.#addresses)) this.#peer(id)?.at(address);
  }

  members({ voters, learners, addresses = {} }: Configuration): void {
    const ids = [...voters, ...learners].filter((id) => id !== this.#parts.nodeId);
    this.#addresses = Object.fromEntries(ids.map((id) => [id, addresses[id] ?? ''] as const).filter(([, address]) => address !== ''));
    for (const [id, peer] of this.#peers) peer.at(this.#addresses[id]);
    // Those that were there before have their address already.
    if (this.#receiver) for (const [id, address] of Object.entries(this.#addresses)) this.#peer(id)?.at(address, true);
  }

  /** A node has called; where it is a manager that did not answer, it is dialled now. One that joins listens some moments after it became a member. */
  called(nodeId: string): void {
    this.#peers.get(nodeId)?.there();
  }

  /** Whether another manager is at this address, on whatever port. */
  isMemberAt(address: string): boolean {
    return Object.values(this.#addresses).some((each) => placeParts(each).host === address);
  }

  send(message: Spoken): void {
    this.#peers.get(message.to)?.send(kindOf(message), message);
  }

  async sendSnapshot(message: InstallSnapshot, pieces: AsyncIterable<Uint8Array>): Promise<boolean> {
    const { to } = message;
    const { random, nodeId } = this.#parts;
    const tls = this.#parts.tls();
    if (!tls || this.#addresses[to] === undefined) return false;
    const sending = new SnapshotSending(message, pieces, {
      transfer: `${nodeId}-${++this.#sent}-${Buffer.from(random.bytes(8)).toString('hex')}`,
      open: () => {
        // No entries go to whoever is sent a snapshot: their connection is free, and one more is a handshake more while somebody joins.
        const free = this.#clients.get(to);
        const client = free ?? dialled(tls, to, this.#addresses[to] ?? '');
        return { call: client.snapshot(this.#metadata(to)), close: () => (free ? undefined : client.close()) };
      },
      jitter: () => random.next(),
      signal: this.#stopped.signal,
    });
    return await sending.run();
  }

  async stop(): Promise<void> {
    this.#receiver = undefined;
    this.#stopped.abort();
    for (const peer of this.#peers.values()) peer.stop();
    this.#peers.clear();
    for (const receiving of this.#receiving.values()) receiving.give(new Refusal('unavailable', 'the manager is shutting down'));
  }

  get #incarnation(): number {
    return this.#parts.incarnation?.() ?? 1;
  }

  #metadata(to: string): Metadata {
    const metadata = new Metadata();
    metadata.set('shoal-to', to);
    metadata.set('shoal-incarnation', String(this.#incarnation));
    return metadata;
  }

  #peer(id: string): Peer | undefined {
    const known = this.#peers.get(id);
    if (known) return known;
    if (this.#addresses[id] === undefined && !this.#hasRoom()) return undefined;
    const { nodeId, clock, random, logger, elsewhere = [] } = this.#parts;
    const tries = { entries: 0, pulse: 0 };
    const peer = new Peer({
      id,
      nodeId,
      clock,
      random,
      logger,
      dial: (kind, address) => {
        const tls = this.#parts.tls();
        if (!tls) return undefined;
        const places = [address, ...elsewhere];
        const client = dialled(tls, id, places[tries[kind]++ % places.length] ?? address);
        if (kind === 'pulse') return { call: client.pulse(this.#metadata(id)), close: () => client.close() };
        this.#clients.set(id, client);
        const close = (): void => {
          if (this.#clients.get(id) === client) this.#clients.delete(id);
          client.close();
        };
        return { call: client.entries(this.#metadata(id)), close };
      },
      heard: (message) => this.#receiver?.message(id, message),
      unreachable: () => this.#receiver?.unreachable(id),
      reachable: () => this.#receiver?.reachable(id),
    });
    this.#peers.set(id, peer);
    return peer;
  }

  /** Managers that left, and have no line any more, make room for one that is not known yet. */
  #hasRoom(): boolean {
    const most = strangers + Object.keys(this.#addresses).length;
    if (this.#peers.size < most) return true;
    for (const [id, peer] of this.#peers) {
      if (this.#addresses[id] !== undefined || peer.speaks) continue;
      peer.stop();
      this.#peers.delete(id);
    }
    return this.#peers.size < most;
  }

  #handlers(): RaftServiceServer {
    return {
      entries: (call) => this.#guard(call, (from) => this.#accept('entries', from, call)),
      pulse: (call) => this.#guard(call, (from) => this.#accept('pulse', from, call)),
      snapshot: (call) => this.#guard(call, (from) => this.#takeSnapshot(from, call)),
    };
  }

  /** Whatever is wrong with a call is its own answer. */
  #guard(call: Accepted | ReceivingCall, run: (from: string) => void): void {
    // A call that ends badly must not end the process.
    call.on('error', () => undefined);
    try {
      if (!this.#receiver) throw new Refusal('unavailable', 'this manager is not ready');
      const { nodeId } = callerOf(call);
      this.#checkGreeting(call.metadata, nodeId);
      run(nodeId);
    } catch (error) {
      call.emit('error', toServiceError(error));
    }
  }

  #checkGreeting(metadata: Metadata, from: string): void {
    const { nodeId } = this.#parts;
    const incarnation = this.#incarnation;
    const [to] = metadata.get('shoal-to');
    if (to !== nodeId) throw new Refusal('failedPrecondition', `this is manager ${nodeId}, not ${String(to)}`);
    const theirs = Number(metadata.get('shoal-incarnation')[0]);
    if (theirs !== incarnation) {
      throw new Refusal('failedPrecondition', `the cluster was made anew since: ${from} is of its incarnation ${theirs}, and this manager of ${incarnation}`);
    }
  }

  #accept(kind: 'entries' | 'pulse', from: string, call: Accepted): void {
    const peer = this.#peer(from);
    if (!peer) throw new Refusal('unavailable', 'too many managers speak that are no members');
    call.sendMetadata(new Metadata());
    peer.accept(kind, call);
  }

  #takeSnapshot(from: string, call: ReceivingCall): void {
    let taken: SnapshotReceiving | undefined;
    call.on('data', (frame: Parameters<SnapshotReceiving['add']>[1]) => {
      try {
        if (taken) taken.add(call, frame);
        else taken = this.#beginSnapshot(from, call, frame);
      } catch (error) {
        taken?.give(error as Error);
        call.emit('error', toServiceError(error));
      }
    });
    for (const end of ['cancelled', 'error', 'end', 'close']) call.on(end, () => taken?.gone(call));
  }

  #beginSnapshot(from: string, call: ReceivingCall, { frame }: Parameters<SnapshotReceiving['add']>[1]): SnapshotReceiving {
    if (frame?.$case !== 'begin' || !this.#receiver) throw new Refusal('invalidArgument', 'this does not begin a snapshot');
    const known = this.#receiving.get(from);
    if (known?.transfer === frame.value.transfer) {
      known.take(call);
      return known;
    }
    known?.give(new Refusal('unavailable', 'another snapshot was begun'));
    // However many a manager begins, of one at a time something is kept.
    if (known?.underWay) throw new Refusal('unavailable', 'the snapshot before is still being given up: try again in a moment');
    const receiving = new SnapshotReceiving(frame.value, this.#parts.clock);
    this.#receiving.set(from, receiving);
    receiving.take(call);
    void receiving.store({ from, to: this.#parts.nodeId }, frame.value, this.#receiver);
    return receiving;
  }
}

function dialled(tls: LiveTls, peer: string, address: string): RaftServiceClient {
  return new RaftServiceClient(address, clientCredentials(tls, peer), options);
}
