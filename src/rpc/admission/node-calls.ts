/** Calls of nodes: each node has so many at a time, and of messages that have not come whole so many bytes, and no message takes long. */
import { Places } from '#base/pace/places';
import { Refusal } from '#base/refusal';

/** Of one node: what it shows to its managers alone may be 256 at a time. */
const mostCalls = 1024;
const mostBytes = 32 * 1024 * 1024;
/** As long as nodes wait for an answer. */
const usualLongestMs = 30_000;

/** The part of a call's stream that is needed: `end` when the message is there, `close` when the call is over. */
export interface NodeCall {
  once(event: 'end' | 'close', listener: () => void): unknown;
}

interface OfNode {
  calls: Places;
  bytes: Places;
}

export class NodeCalls {
  readonly #nodes = new Map<string, OfNode>();

  /** @param longestMs a message may take to come whole, in milliseconds */
  constructor(readonly longestMs = usualLongestMs) {}

  /**
   * Refuses `unavailable` where the node has too much under way.
   * @param bytes that the call's message may have; undefined: of a call with many, which are never kept whole together
   * @param cut ends the call when its message takes too long
   */
  enter(nodeId: string, bytes: number | undefined, call: NodeCall, cut: () => void): void {
    const own = this.#nodes.get(nodeId) ?? { calls: new Places(mostCalls), bytes: new Places(mostBytes) };
    const leaveCalls = own.calls.take();
    const leaveBytes = leaveCalls && own.bytes.take(bytes ?? 0);
    if (!leaveBytes) {
      leaveCalls?.();
      throw new Refusal('unavailable', `node ${nodeId} has too many calls under way: try again in a moment`);
    }
    this.#nodes.set(nodeId, own);
    const timer = bytes === undefined ? undefined : setTimeout(cut, this.longestMs).unref();
    const whole = (): void => {
      clearTimeout(timer);
      leaveBytes();
    };
    call.once('end', whole);
    call.once('close', () => {
      whole();
      leaveCalls();
      if (own.calls.taken === 0 && this.#nodes.get(nodeId) === own) this.#nodes.delete(nodeId);
    });
  }
}
