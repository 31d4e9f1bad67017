/** The leader's side of connections to nodes: asks a node for one and takes it when it comes. */
import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { Metadata, status, type ServerDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '#base/clock';
import { Refusal } from '#base/refusal';
import { TunnelServiceService, type ForwardBytes, type TunnelServiceServer } from '../generated/shoal/v1/forward.ts';
import { callerOf, type RpcServer } from '../rpc-server.ts';
import { lastBytes, tunnelOf } from './tunnel.ts';

export interface NodeTunnelsParts {
  /** Asks the node over its session to open the tunnel `id`; refuses where it cannot. */
  ask: (nodeId: string, id: string) => void;
  clock: Pick<Clock, 'after'>;
}

type Call = ServerDuplexStream<ForwardBytes, ForwardBytes>;

interface Wait {
  nodeId: string;
  came: (tunnel: Duplex) => void;
}

/** How long a node that was asked may take. */
const waitLimitMs = 5000;
/** Tunnels of one node, those that are waited for among them. */
export const tunnelsOfNode = 256;
/** Metadata of the call that is the tunnel. */
export const tunnelKey = 'shoal-tunnel';

export class NodeTunnels {
  readonly #parts: NodeTunnelsParts;
  readonly #waits = new Map<string, Wait>();
  readonly #open = new Map<string, Set<Duplex>>();

  constructor(parts: NodeTunnelsParts) {
    this.#parts = parts;
  }

  addTo(server: RpcServer): void {
    const handlers: TunnelServiceServer = { open: (call) => this.#take(call) };
    server.add(TunnelServiceService, handlers);
  }

  /** A connection to what the node shows of itself. Refuses `unavailable`, with the fact `node`, where none comes in time; ends with `signal` until then. */
  open(nodeId: string, signal: AbortSignal): Promise<Duplex> {
    const waiting = [...this.#waits.values()].filter((wait) => wait.nodeId === nodeId).length;
    if (waiting + (this.#open.get(nodeId)?.size ?? 0) >= tunnelsOfNode) {
      return Promise.reject(unavailable(nodeId, `node ${nodeId} is asked for more than ${tunnelsOfNode} things at a time: try again when some have ended`));
    }
    const id = randomBytes(32).toString('hex');
    return new Promise((resolve, reject) => {
      const end = (): void => {
        cancel();
        signal.removeEventListener('abort', gone);
        this.#waits.delete(id);
      };
      const fail = (why: string): void => {
        end();
        reject(unavailable(nodeId, `node ${nodeId} is not available: ${why}`));
      };
      const gone = (): void => fail('nobody waits for it any more');
      const cancel = this.#parts.clock.after(waitLimitMs, () => fail(`it did not answer within ${waitLimitMs / 1000} seconds`));
      const came = (tunnel: Duplex): void => {
        end();
        resolve(tunnel);
      };
      this.#waits.set(id, { nodeId, came });
      signal.addEventListener('abort', gone, { once: true });
      if (signal.aborted) return gone();
      try {
        this.#parts.ask(nodeId, id);
      } catch (error) {
        end();
        reject(error as Error);
      }
    });
  }

  /** Ends the tunnels of a node that has no place in the cluster any more. */
  cut(nodeId: string): void {
    for (const tunnel of this.#open.get(nodeId) ?? []) tunnel.destroy();
  }

  /** Ends all. */
  end(): void {
    for (const nodeId of this.#open.keys()) this.cut(nodeId);
  }

  /** Only the node that was asked may answer, and once. */
  #take(call: Call): void {
    const { nodeId } = callerOf(call);
    const [id] = call.metadata.get(tunnelKey);
    const wait = typeof id === 'string' ? this.#waits.get(id) : undefined;
    if (wait?.nodeId !== nodeId) throw new Refusal('permissionDenied', `node ${nodeId} was not asked for this tunnel`);
    call.sendMetadata(new Metadata());
    const tunnel = tunnelOf(call, { finish: () => void call.write(lastBytes), cut: (whole) => (whole ? call.end() : void call.emit('error', cutOff)) });
    const open = this.#open.get(nodeId) ?? new Set();
    this.#open.set(nodeId, open.add(tunnel));
    tunnel.once('close', () => {
      open.delete(tunnel);
      if (open.size === 0 && this.#open.get(nodeId) === open) this.#open.delete(nodeId);
    });
    wait.came(tunnel);
  }
}

/** Told to a node whose tunnel ends before both sides have said all: what it still reads or writes counts no more. */
const cutOff = { code: status.CANCELLED, details: 'nobody is at the other end any more' };

export function unavailable(nodeId: string, text: string): Refusal {
  return new Refusal('unavailable', text, { node: nodeId });
}
