/** The replicated state in memory: applies committed entries, answers reads, makes and loads snapshots. */
import { assert } from '#base/assert';
import { timeText } from '#base/clock';
import type { Steps } from '#base/pace/steps';
import { kinds, type Kind, type ObjectOf } from '#model/object/object';
import { idOf, type Action, type Entry, type StoreEvent } from './action.ts';
import { Answers, type KnownAnswer } from './answers.ts';
import { nameKey, type IndexOf } from './index/indexes.ts';
import { share } from './share.ts';
import { StateHash } from './state-hash.ts';
import { newTables, objectsOf, type Table, type Tables } from './table.ts';
import { Usage } from './index/usage.ts';
import { CountedView } from './counted-view.ts';
import type { View } from './view.ts';

/** All objects, as a snapshot carries them. */
export interface StoreImage {
  index: number;
  objects: { [K in Kind]: readonly ObjectOf[K][] };
  /** Absent in snapshots of before requests had ids. */
  answers?: readonly KnownAnswer[];
}

const manyRows = 1000;

export class Store extends CountedView implements View {
  #tables: Tables = newTables();
  #answers = new Answers();
  #hash = new StateHash();
  protected usage = new Usage();
  /** Counts creations: a place in the order of the log. */
  #serials = 0;
  #index = 0;

  /** Log index of the last entry that had an effect: what every version of an object and every entry's base refers to. */
  get index(): number {
    return this.#index;
  }

  /**
   * Why `entry` cannot have been decided on this state, as when its outcome was unknown and the request came again; undefined
   * when it fits. Whoever applies what is committed asks first, and lets a misfit have no effect at all: it stays in the
   * log, where every manager would meet it again at every start.
   */
  misfit(entry: Entry): string | undefined {
    if (entry.base !== undefined && entry.base !== this.#index) return `it was decided on the state at ${entry.base}, and this is the one at ${this.#index}`;
    const present = new Map<string, boolean>();
    for (const action of entry.actions) {
      const id = idOf(action);
      const key = `${action.kind} ${id}`;
      const there = present.get(key) ?? this.get(action.kind, id) !== undefined;
      if (there === (action.type === 'create')) return `it would ${action.type} ${key}, which is ${there ? 'there already' : 'not there'}`;
      present.set(key, action.type !== 'remove');
    }
    return undefined;
  }

  /**
   * Applies a committed entry that fits and returns its events in the order of its actions.
   * The same entries give the same state on every manager.
   */
  apply(index: number, entry: Entry): StoreEvent[] {
    assert(index > this.#index, `entry ${index} is applied after ${this.#index}`);
    this.#index = index;
    const now = timeText(entry.now);
    const events = entry.actions.map((action) => this.#applyOne(action, index, now));
    this.#note(entry);
    return events;
  }

  /** What the request with this id was answered. */
  answered(requestId: string): KnownAnswer | undefined {
    return this.#answers.find(requestId);
  }

  /** Equal on all managers that have applied the same entries. */
  hash(): string {
    return this.#hash.text();
  }

  /** `hash` where that takes no long turn; undefined while much that changed is still to be counted. */
  hashSoon(): string | undefined {
    return this.#hash.soon();
  }

  /** So much changed that it should be counted soon. */
  get hashIsBehind(): boolean {
    return this.#hash.isBehind;
  }

  /** Counts what changed, until nothing is left. */
  *countHash(): Steps<void> {
    while (!this.#hash.step()) yield;
  }

  get<K extends Kind>(kind: K, id: string): ObjectOf[K] | undefined {
    return this.#table(kind).row(id)?.object;
  }

  list<K extends Kind>(kind: K): Iterable<ObjectOf[K]> {
    return this.#table(kind).objects();
  }

  find<K extends Kind>(kind: K, index: IndexOf<K>, key: string): Iterable<ObjectOf[K]> {
    const rows = this.#table(kind).find(index, key);
    // Few are quicker as a list; of many perhaps only the first are wanted.
    return rows.length < manyRows ? rows.map(({ object }) => object) : objectsOf(rows);
  }

  newest<K extends Kind>(kind: K, index: IndexOf<K>, key: string): ObjectOf[K] | undefined {
    return this.#table(kind).find(index, key).at(-1)?.object;
  }

  keys<K extends Kind>(kind: K, index: IndexOf<K>): Iterable<string> {
    return this.#table(kind).keys(index);
  }

  count(kind: Kind): number {
    return this.#tables[kind].size;
  }

  serialOf(kind: Kind, id: string): number | undefined {
    return this.#table(kind).row(id)?.serial;
  }

  byName<K extends Exclude<Kind, 'task'>>(kind: K, name: string): ObjectOf[K] | undefined {
    return this.#table(kind).find('name', nameKey(kind, name))[0]?.object;
  }

  /** Objects are never changed, so what is listed here stays as it is while entries go on. Each kind is in the order of creation: whoever restores it goes on in that order. */
  image(): StoreImage {
    const objects = Object.fromEntries(kinds.map((kind) => [kind, [...this.list(kind)]]));
    return { index: this.#index, objects: objects as unknown as StoreImage['objects'], answers: this.#answers.all() };
  }

  /** Replaces everything by a snapshot's content. */
  restore(image: StoreImage): void {
    const next = new Store();
    next.begin(image);
    for (const kind of kinds) next.load(kind, image.objects[kind] ?? []);
    this.become(next);
  }

  /** Begins to fill an empty store from a snapshot; `load` brings the objects, in as many parts as one likes. */
  begin({ index, answers = [] }: Omit<StoreImage, 'objects'>): void {
    assert(this.#index === 0, 'only an empty store is filled');
    this.#index = index;
    this.#answers.restore(answers);
    for (const answer of answers) this.#hash.put(`answer ${answer.id}`, answer);
  }

  /** Objects come in the order of creation. Returns false for a kind that this program does not know. */
  load(kind: string, objects: readonly ObjectOf[Kind][]): boolean {
    if (!Object.hasOwn(this.#tables, kind)) return false;
    for (const object of objects) this.#put(kind as Kind, object);
    return true;
  }

  /** Takes over all that `other` holds, in one step for those who read; `other` is not used any more. */
  become(other: Store): void {
    this.#tables = other.#tables;
    this.#answers = other.#answers;
    this.#hash = other.#hash;
    this.usage = other.usage;
    this.#serials = other.#serials;
    this.#index = other.#index;
  }

  #table<K extends Kind>(kind: K): Table<K> {
    return this.#tables[kind];
  }

  #note(entry: Entry): void {
    if (entry.answers) {
      const { added, forgotten } = this.#answers.add(entry.answers, entry.now);
      for (const { id } of forgotten) this.#hash.put(`answer ${id}`, undefined);
      for (const answer of added) this.#hash.put(`answer ${answer.id}`, this.#answers.find(answer.id));
    }
  }

  #applyOne(action: Action, index: number, now: string): StoreEvent {
    const id = idOf(action);
    const previous = this.get(action.kind, id);
    assert((previous !== undefined) === (action.type !== 'create'), `entry ${index} cannot ${action.type} ${action.kind} ${id}`);
    if (action.type === 'remove') {
      this.#table(action.kind).delete(id);
      this.#hash.put(`${action.kind} ${id}`, undefined);
      this.usage.change(action.kind, previous, undefined);
      return { kind: action.kind, id, previous } as StoreEvent;
    }
    const CreatedAt = previous?.CreatedAt ?? now;
    const object = this.#put<Kind>(action.kind, { ...action.object, Version: { Index: index }, CreatedAt, UpdatedAt: now });
    return { kind: action.kind, id, object, ...(previous && { previous }) } as StoreEvent;
  }

  #put<K extends Kind>(kind: K, object: ObjectOf[K]): ObjectOf[K] {
    const previous = this.get(kind, object.ID);
    const shared = share(kind, object, previous, (id) => this.get('service', id));
    this.#table(kind).put(shared, ++this.#serials);
    this.usage.change(kind, previous, shared);
    this.#hash.put(`${kind} ${object.ID}`, shared);
    return shared;
  }
}
