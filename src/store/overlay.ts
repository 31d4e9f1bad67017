/** A view with actions laid over it: what the store will be when they commit. */
import { assert } from '#base/assert';
import type { Kind, ObjectOf } from '#model/object/object';
import type { Action } from './action.ts';
import { keysOf, nameKey, type IndexOf } from './index/indexes.ts';
import { Table } from './table.ts';
import { Usage } from './index/usage.ts';
import { CountedView } from './counted-view.ts';
import type { View } from './view.ts';

/** Objects that are not stored yet come after all that are. */
const firstSerial = 2 ** 52;

type Laid = { [K in Kind]?: Table<K> };

export class Overlay extends CountedView implements View {
  readonly #base: View;
  /** Of kinds of which something was laid: mostly few, and found by two or three of their indexes. */
  readonly #tables: Laid = {};
  readonly #removed = new Set<string>();
  readonly #actions: Action[] = [];
  protected readonly usage: Usage;
  /** No object of the base has a later serial. */
  readonly #lastOfBase: number;
  #serials: number;

  constructor(base: View) {
    super();
    this.#base = base;
    this.usage = new Usage(base);
    this.#lastOfBase = this.#serials = base instanceof Overlay ? base.#serials : firstSerial;
  }

  /** All actions laid so far, in order. */
  get actions(): readonly Action[] {
    return this.#actions;
  }

  /** Lays `actions` over the view; creating what is there, or changing what is not, is a broken invariant. */
  lay(actions: readonly Action[]): void {
    for (const action of actions) {
      const id = action.type === 'remove' ? action.id : action.object.ID;
      const before = this.get(action.kind, id);
      assert((before !== undefined) === (action.type !== 'create'), `cannot ${action.type} ${action.kind} ${id}`);
      if (action.type === 'remove') {
        this.#tables[action.kind]?.delete(id);
        this.#removed.add(id);
        this.usage.change(action.kind, before, undefined);
      } else {
        this.#put(action.kind, action.object, before);
      }
      this.#actions.push(action);
    }
  }

  get<K extends Kind>(kind: K, id: string): ObjectOf[K] | undefined {
    const own = this.#tables[kind]?.row(id);
    if (own) return own.object;
    return this.#removed.has(id) ? undefined : this.#base.get(kind, id);
  }

  list<K extends Kind>(kind: K): Iterable<ObjectOf[K]> {
    return this.#isUntouched(kind) ? this.#base.list(kind) : this.#mergedList(kind);
  }

  *#mergedList<K extends Kind>(kind: K): Iterable<ObjectOf[K]> {
    const table = this.#table(kind);
    for (const object of this.#base.list(kind)) {
      if (!this.#removed.has(object.ID)) yield table.row(object.ID)?.object ?? object;
    }
    for (const { serial, object } of table.rows()) if (serial >= firstSerial && this.#isNew(kind, object.ID)) yield object;
  }

  find<K extends Kind>(kind: K, index: IndexOf<K>, key: string): Iterable<ObjectOf[K]> {
    return this.#isUntouched(kind) ? this.#base.find(kind, index, key) : this.#mergedFind(kind, index, key);
  }

  *#mergedFind<K extends Kind>(kind: K, index: IndexOf<K>, key: string): Iterable<ObjectOf[K]> {
    const table = this.#table(kind);
    const own = table.find(index, key);
    // What came to this key from another one has its place between others; what was there before keeps its own.
    const arrived = own.filter(({ serial, object }) => serial <= this.#lastOfBase && !this.#baseHas(kind, index, key, object.ID)).length;
    let next = 0;
    let left = arrived;
    for (const object of this.#base.find(kind, index, key)) {
      if (this.#removed.size > 0 && this.#removed.has(object.ID)) continue;
      const here = table.row(object.ID);
      if (here && own[next] === here) {
        next++;
        yield here.object;
        continue;
      }
      // What is new here comes after all that the base has.
      if (left > 0) {
        const serial = here?.serial ?? this.#base.serialOf(kind, object.ID) ?? 0;
        for (let row = own[next]; left > 0 && row && row !== here && row.serial < serial; row = own[++next], left--) yield row.object;
      }
      if (!here) yield object;
      else if (own[next] === here) {
        next++;
        yield here.object;
      }
    }
    for (let row = own[next]; row; row = own[++next]) yield row.object;
  }

  #baseHas<K extends Kind>(kind: K, index: IndexOf<K>, key: string, id: string): boolean {
    const object = this.#base.get(kind, id);
    return object !== undefined && keysOf(kind, index, object).includes(key);
  }

  newest<K extends Kind>(kind: K, index: IndexOf<K>, key: string): ObjectOf[K] | undefined {
    if (this.#isUntouched(kind)) return this.#base.newest(kind, index, key);
    const table = this.#table(kind);
    const base = this.#base.newest(kind, index, key);
    const own = table.find(index, key).at(-1);
    // Where the base's was changed or removed here, the one before it may be the newest now.
    if (base && (table.row(base.ID) || this.#removed.has(base.ID))) return lastOf(this.find(kind, index, key));
    if (!base || !own) return own?.object ?? base;
    return own.serial > (this.#base.serialOf(kind, base.ID) ?? 0) ? own.object : base;
  }

  keys<K extends Kind>(kind: K, index: IndexOf<K>): Iterable<string> {
    const base = this.#base.keys(kind, index);
    return this.#tables[kind] === undefined ? base : new Set([...base, ...this.#table(kind).keys(index)]);
  }

  count(kind: Kind): number {
    let count = 0;
    if (this.#isUntouched(kind)) return this.#base.count(kind);
    for (const _object of this.list(kind)) count++;
    return count;
  }

  serialOf(kind: Kind, id: string): number | undefined {
    return this.#tables[kind]?.row(id)?.serial ?? (this.#removed.has(id) ? undefined : this.#base.serialOf(kind, id));
  }

  byName<K extends Exclude<Kind, 'task'>>(kind: K, name: string): ObjectOf[K] | undefined {
    for (const object of this.find<Kind>(kind, 'name' as IndexOf<Kind>, nameKey(kind, name))) return object as ObjectOf[K];
    return undefined;
  }

  #table<K extends Kind>(kind: K): Table<K> {
    const known = this.#tables[kind];
    if (known) return known;
    const table = new Table(kind, true);
    this.#tables[kind] = table as Laid[K];
    return table;
  }

  /** Nothing of the kind was laid: the base answers. */
  #isUntouched(kind: Kind): boolean {
    return (this.#tables[kind]?.size ?? 0) === 0 && this.#removed.size === 0;
  }

  /** The base has not got it, or had it before it was removed here. */
  #isNew(kind: Kind, id: string): boolean {
    return this.#removed.has(id) || this.#base.serialOf(kind, id) === undefined;
  }

  #put<K extends Kind>(kind: K, object: ObjectOf[K], before: ObjectOf[K] | undefined): void {
    // What was removed here and comes again is new.
    const known = this.#removed.has(object.ID) ? undefined : this.#base.serialOf(kind, object.ID);
    this.#table(kind).put(object, known ?? ++this.#serials);
    this.usage.change(kind, before, object);
  }
}

function lastOf<T>(items: Iterable<T>): T | undefined {
  let last: T | undefined;
  for (const item of items) last = item;
  return last;
}
