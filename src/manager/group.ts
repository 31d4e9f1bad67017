/** Requests that wait together share an entry: each is decided on what those before it will have done, and refused alone. */
import { jsonLength } from '#base/text/json-length';
import { Refusal } from '#base/refusal';
import type { UseCase, UseCaseContext } from '#control/cluster';
import type { Action, Answer } from '#store/action';
import type { KnownAnswer } from '#store/answers';
import { needOf, writableLevel } from '#store/feature-level';
import { Overlay } from '#store/overlay';
import { keyOf } from '#store/room';
import type { Store } from '#store/store';
import type { View } from '#store/view';
import { requestBytesLimit } from './entries.ts';

export interface Request {
  useCase: UseCase<unknown>;
  /** Under which the same request may be sent again. */
  id?: string;
  /** Digest of what it asks, where there may be doubt. */
  asked?: string;
  resolve: (result: unknown) => void;
  reject: (error: unknown) => void;
}

/** Requests of an entry, the bytes of their objects (one request alone may have more), and the time that deciding may take. */
const limits = { requests: 256, bytes: 512 * 1024, ms: 8 };

/** What a request is told when the entry is there. */
interface Member {
  request: Request;
  answer: { type: 'written' | 'nothing'; result: unknown } | { type: 'refused'; error: unknown };
}

export class Group {
  readonly overlay: Overlay;
  readonly #store: Store;
  readonly #members: Member[] = [];
  /** Objects that the entry writes for its requests. */
  readonly #touched = new Set<string>();
  #bytes = 0;
  #written = 0;

  constructor(store: Store) {
    this.#store = store;
    this.overlay = new Overlay(store);
  }

  /** Those whose answer rests on the entry. */
  get members(): readonly Member[] {
    return this.#members;
  }

  get answers(): readonly Answer[] {
    return this.#members.flatMap(({ request: { id, asked }, answer }) =>
      id === undefined || answer.type !== 'written' ? [] : [{ id, result: answer.result, ...(asked !== undefined && { asked }) }],
    );
  }

  /** True when the next request must wait for the next entry. */
  full(passedMs: number): boolean {
    return this.#members.length >= limits.requests || this.#bytes >= limits.bytes || passedMs >= limits.ms;
  }

  /**
   * Decides on a request. `later`: it writes what another of this entry writes, and must see the version that comes of that.
   * `read`: nothing is to be written, and the answer rests on what is committed. Throws what refuses it on what is committed.
   */
  take(request: Request, context: UseCaseContext): 'taken' | 'later' | { read: unknown } {
    if (request.id !== undefined) {
      if (this.#members.some((member) => member.request.id === request.id)) return 'later';
      const known = this.#store.answered(request.id);
      if (known) return { read: sameAsked(known, request).result };
    }
    try {
      return this.#decide(request, context);
    } catch (error) {
      if (this.#written === 0) throw error;
      // What refuses it may be another's object that is not there before the entry is.
      this.#members.push({ request, answer: { type: 'refused', error } });
      return 'taken';
    }
  }

  #decide(request: Request, context: UseCaseContext): 'taken' | 'later' | { read: unknown } {
    const { actions, result } = request.useCase(this.overlay, context);
    if (actions.length === 0) {
      if (this.#written === 0) return { read: result };
      this.#members.push({ request, answer: { type: 'nothing', result } });
      return 'taken';
    }
    const keys = new Set(actions.map(keyOf));
    for (const key of keys) if (this.#touched.has(key)) return 'later';
    const bytes = actions.reduce((sum, action) => sum + jsonLength(action), 0);
    if (bytes > requestBytesLimit) {
      throw new Refusal('invalidArgument', `the request's objects take ${bytes} bytes: at most ${requestBytesLimit} are possible`);
    }
    if (this.#written > 0 && this.#bytes + bytes > limits.bytes) return 'later';
    refuseUnknown(this.#store, actions);
    this.overlay.lay(actions);
    for (const key of keys) this.#touched.add(key);
    this.#bytes += bytes;
    this.#written++;
    this.#members.push({ request, answer: { type: 'written', result } });
    return 'taken';
  }

  /** The entry is there: everybody hears what became of his request. */
  settle(): void {
    for (const { request, answer } of this.#members) {
      if (answer.type === 'refused') request.reject(answer.error);
      else request.resolve(answer.result);
    }
  }
}

/** An id that stood for something else must not have its answer taken for the one to this. */
function sameAsked(known: KnownAnswer, { id, asked }: Request): KnownAnswer {
  if (known.asked === undefined || asked === undefined || known.asked === asked) return known;
  throw new Refusal('alreadyExists', 'something else was asked under the same key: nothing was changed; a new request takes a new key', {
    reason: 'otherRequest',
    plain: true,
    id,
  });
}

/** What some node does not know must never reach the log: every manager would meet it at every start. */
function refuseUnknown(view: View, actions: readonly Action[]): void {
  const level = writableLevel(view);
  for (const action of actions) {
    const need = needOf(action, action.type === 'update' ? view.get(action.kind, action.object.ID) : undefined);
    if (need === undefined) throw new Refusal('unimplemented', `this manager does not know how to ${action.type} a ${action.kind}`);
    if (need.level <= level) continue;
    throw new Refusal(
      'failedPrecondition',
      `${need.what} needs feature level ${need.level}, and the cluster is at ${level}: it rises when every node runs the newer version`,
      { plain: true },
    );
  }
}
