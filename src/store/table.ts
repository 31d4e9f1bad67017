/** One kind's objects in memory with its indexes. Everything comes in the order in which it was made, whatever became of it since. */
import { assert } from '#base/assert';
import { kinds, type Kind, type ObjectOf } from '#model/object/object';
import { indexes } from './index/indexes.ts';

/** An object and its place in the order of creation, which is the log's and so the same on every manager. */
export interface Row<T> {
  readonly serial: number;
  object: T;
}

interface Index<T> {
  keysOf: (object: T) => readonly string[];
  /** Absent until somebody asks for it. */
  rows: Map<string, Row<T>[]> | undefined;
}

/** So many objects are kept as a list for those who want all of them, again and again; more are gone through one by one. */
const listedRows = 10_000;

export class Table<K extends Kind> {
  readonly #rows = new Map<string, Row<ObjectOf[K]>>();
  /** Absent until somebody asks for it, and from every change on. */
  #objects: readonly ObjectOf[K][] | undefined;
  readonly #indexes: ReadonlyMap<string, Index<ObjectOf[K]>>;

  /** `onDemand`: an index is made when something is first found by it. That takes a look at all rows: it is for few. */
  constructor(kind: K, onDemand: boolean) {
    const keys = Object.entries(indexes[kind]) as [string, (object: ObjectOf[K]) => readonly string[]][];
    this.#indexes = new Map(keys.map(([name, keysOf]) => [name, { keysOf, rows: onDemand ? undefined : new Map<string, Row<ObjectOf[K]>[]>() }]));
  }

  get size(): number {
    return this.#rows.size;
  }

  row(id: string): Row<ObjectOf[K]> | undefined {
    return this.#rows.get(id);
  }

  rows(): Iterable<Row<ObjectOf[K]>> {
    return this.#rows.values();
  }

  objects(): Iterable<ObjectOf[K]> {
    if (this.#rows.size > listedRows) return objectsOf(this.#rows.values());
    return (this.#objects ??= Array.from(this.#rows.values(), ({ object }) => object));
  }

  /** Rows in order of their serials. Do not keep it over a change. */
  find(index: string, key: string): readonly Row<ObjectOf[K]>[] {
    return this.#index(index).get(key) ?? [];
  }

  /** Keys under which the index holds rows. */
  keys(index: string): Iterable<string> {
    return this.#index(index).keys();
  }

  #index(name: string): ReadonlyMap<string, Row<ObjectOf[K]>[]> {
    const index = this.#indexes.get(name);
    assert(index, `there is no index ${name}`);
    if (index.rows) return index.rows;
    index.rows = new Map();
    for (const row of this.#rows.values()) for (const key of index.keysOf(row.object)) insert(index.rows, key, row);
    return index.rows;
  }

  /** `serial` is that of a new row; one that is there keeps its own. */
  put(object: ObjectOf[K], serial: number): void {
    this.#objects = undefined;
    const known = this.#rows.get(object.ID);
    if (!known) {
      const row = { serial, object };
      this.#rows.set(object.ID, row);
      for (const { keysOf, rows } of this.#indexes.values()) if (rows) for (const key of keysOf(object)) insert(rows, key, row);
      return;
    }
    const before = known.object;
    known.object = object;
    for (const { keysOf, rows } of this.#indexes.values()) {
      if (!rows) continue;
      const [old, now] = [keysOf(before), keysOf(object)];
      if (sameKeys(old, now)) continue;
      for (const key of old) drop(rows, key, known);
      for (const key of now) insert(rows, key, known);
    }
  }

  delete(id: string): void {
    const known = this.#rows.get(id);
    if (!known) return;
    this.#objects = undefined;
    this.#rows.delete(id);
    for (const { keysOf, rows } of this.#indexes.values()) if (rows) for (const key of keysOf(known.object)) drop(rows, key, known);
  }
}

export function* objectsOf<T>(rows: Iterable<Row<T>>): Generator<T> {
  for (const { object } of rows) yield object;
}

function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, position) => key === b[position]);
}

function insert<T>(index: Map<string, Row<T>[]>, key: string, row: Row<T>): void {
  const rows = index.get(key);
  if (!rows) index.set(key, [row]);
  else {
    const at = placeOf(rows, row.serial);
    // An object may name the same key twice.
    if (rows[at]?.serial === row.serial) return;
    if (at === rows.length) rows.push(row);
    else rows.splice(at, 0, row);
  }
}

function drop<T>(index: Map<string, Row<T>[]>, key: string, row: Row<T>): void {
  const rows = index.get(key);
  if (!rows) return;
  const at = placeOf(rows, row.serial);
  if (rows[at]?.serial !== row.serial) return;
  if (rows.length === 1) index.delete(key);
  else rows.splice(at, 1);
}

/** Where the row of `serial` is, or would be. */
function placeOf(rows: readonly Row<unknown>[], serial: number): number {
  const last = rows.at(-1);
  if (!last || last.serial < serial) return rows.length;
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[middle]?.serial ?? 0) < serial) low = middle + 1;
    else high = middle;
  }
  return low;
}

export type Tables = { [K in Kind]: Table<K> };

export function newTables(): Tables {
  return Object.fromEntries(kinds.map((kind) => [kind, new Table(kind, false)])) as unknown as Tables;
}
