/** A view that remembers what was read of it: as long as that is the same, whatever was decided from it holds. Objects are never changed in place, so the same object says the same. */
import type { Kind, ObjectOf } from '#model/object/object';
import type { StoreEvent } from './action.ts';
import { Usage } from './index/usage.ts';
import { indexes, keysOf, nameKey, type IndexOf } from './index/indexes.ts';
import { CountedView } from './counted-view.ts';
import type { View } from './view.ts';

type Found = object | undefined;

interface Read {
  again: (view: View) => readonly Found[];
  found: readonly Found[];
}

/** What is read of more objects than these is not worth its looking up again. */
const mostFound = 64;

/** By which words reads of an object are known, before and after the event: whoever read none of them reads the same as before. */
export function readsTouched({ kind, id, object, previous }: StoreEvent): string[] {
  const words = [word(kind, byId, id), word(kind, whole, '')];
  for (const index of Object.keys(indexes[kind]))
    for (const each of [object, previous]) if (each) for (const key of keysOf<Kind>(kind, index as IndexOf<Kind>, each)) words.push(word(kind, index, key));
  return words;
}

/** No index is called so. */
const [byId, whole] = ['#', '*'];

function word(kind: Kind, index: string, key: string): string {
  return `${kind} ${index} ${key}`;
}

export class WatchedView extends CountedView implements View {
  readonly #base: View;
  protected readonly usage: Usage;
  readonly #reads = new Map<string, Read>();
  readonly #words = new Set<string>();
  readonly #kinds = new Set<Kind>();
  readonly #except: Kind | undefined;
  #boundless = false;

  /** `except`: a kind that somebody else looks after. */
  constructor(base: View, except?: Kind) {
    super();
    this.#base = base;
    this.#except = except;
    this.usage = new Usage(base);
  }

  /** Whether a view still answers all that was read; undefined where more was read than can be remembered. */
  get stillSo(): ((view: View) => boolean) | undefined {
    if (this.#boundless) return undefined;
    const reads = [...this.#reads.values()];
    return (view) => reads.every(({ again, found }) => isSame(again(view), found));
  }

  /** What was read, in the words of `readsTouched`. */
  get words(): ReadonlySet<string> {
    return this.#words;
  }

  /** Of what kinds something was read. */
  get kinds(): ReadonlySet<Kind> {
    return this.#kinds;
  }

  get<K extends Kind>(kind: K, id: string): ObjectOf[K] | undefined {
    this.#note(kind, byId, id);
    return this.#one(kind, `get ${kind} ${id}`, (view) => view.get(kind, id));
  }

  byName<K extends Exclude<Kind, 'task'>>(kind: K, name: string): ObjectOf[K] | undefined {
    this.#note(kind, 'name', nameKey(kind, name));
    return this.#one(kind, `name ${kind} ${name}`, (view) => view.byName(kind, name));
  }

  newest<K extends Kind>(kind: K, index: IndexOf<K>, key: string): ObjectOf[K] | undefined {
    this.#note(kind, index, key);
    return this.#one(kind, `newest ${kind} ${index} ${key}`, (view) => view.newest(kind, index, key));
  }

  find<K extends Kind>(kind: K, index: IndexOf<K>, key: string): Iterable<ObjectOf[K]> {
    this.#note(kind, index, key);
    return this.#several(kind, `find ${kind} ${index} ${key}`, (view) => view.find(kind, index, key));
  }

  list<K extends Kind>(kind: K): Iterable<ObjectOf[K]> {
    this.#note(kind, whole, '');
    return this.#several(kind, `list ${kind}`, (view) => view.list(kind));
  }

  keys<K extends Kind>(kind: K, index: IndexOf<K>): Iterable<string> {
    this.#boundless = true;
    return this.#base.keys(kind, index);
  }

  count(kind: Kind): number {
    this.#boundless = true;
    return this.#base.count(kind);
  }

  /** Where an object stands among others stays as long as it is there, which is asked by other ways. */
  serialOf(kind: Kind, id: string): number | undefined {
    this.get(kind, id);
    return this.#base.serialOf(kind, id);
  }

  override taskStates(): ReturnType<View['taskStates']> {
    this.#boundless = true;
    return this.#base.taskStates();
  }

  override loadOf(nodeId: string): ReturnType<View['loadOf']> {
    this.#boundless = true;
    return this.#base.loadOf(nodeId);
  }

  override activeTasks(serviceId: string): ReturnType<View['activeTasks']> {
    this.#boundless = true;
    return this.#base.activeTasks(serviceId);
  }

  override addressesOf(networkId: string): ReturnType<View['addressesOf']> {
    this.#boundless = true;
    return this.#base.addressesOf(networkId);
  }

  #note(kind: Kind, index: string, key: string): void {
    if (kind === this.#except) return;
    this.#kinds.add(kind);
    this.#words.add(word(kind, index, key));
  }

  #one<T extends object>(kind: Kind, key: string, ask: (view: View) => T | undefined): T | undefined {
    const found = ask(this.#base);
    if (kind !== this.#except && !this.#reads.has(key)) this.#reads.set(key, { again: (view) => [ask(view)], found: [found] });
    return found;
  }

  #several<T extends object>(kind: Kind, key: string, ask: (view: View) => Iterable<T>): Iterable<T> {
    const found = [...ask(this.#base)];
    if (kind === this.#except) return found;
    if (found.length > mostFound) this.#boundless = true;
    else if (!this.#reads.has(key)) this.#reads.set(key, { again: (view) => [...ask(view)], found });
    return found;
  }
}

function isSame(a: readonly Found[], b: readonly Found[]): boolean {
  return a.length === b.length && a.every((each, at) => each === b[at]);
}
