/** Generic resources: counted ones, and named ones of which each task claims its own. */
import type { GenericResource, Resources } from '#model/object/service-spec';

/** What a node has left of each kind. */
interface Stock {
  count: number;
  names: string[];
}

export class GenericStock {
  readonly #kinds = new Map<string, Stock>();

  constructor(resources: Resources['GenericResources']) {
    for (const { DiscreteResourceSpec: discrete, NamedResourceSpec: named } of resources ?? []) {
      if (discrete) this.#stock(discrete.Kind).count += discrete.Value;
      if (named) this.#stock(named.Kind).names.push(named.Value);
    }
  }

  /** Takes away what a task has been given. */
  subtract(given: readonly GenericResource[]): void {
    for (const { DiscreteResourceSpec: discrete, NamedResourceSpec: named } of given) {
      if (discrete) this.#stock(discrete.Kind).count -= discrete.Value;
      if (!named) continue;
      const stock = this.#stock(named.Kind);
      stock.names = stock.names.filter((name) => name !== named.Value);
    }
  }

  has(wanted: readonly GenericResource[]): boolean {
    return counts(wanted).every(([kind, count]) => {
      const stock = this.#kinds.get(kind);
      return stock !== undefined && Math.max(stock.count, stock.names.length) >= count;
    });
  }

  /** What a task that wants so much is given: of a named kind the first free names. */
  claim(wanted: readonly GenericResource[]): GenericResource[] {
    return counts(wanted).flatMap(([Kind, count]): GenericResource[] => {
      const names = this.#kinds.get(Kind)?.names ?? [];
      if (names.length < count) return [{ DiscreteResourceSpec: { Kind, Value: count } }];
      return names.slice(0, count).map((Value) => ({ NamedResourceSpec: { Kind, Value } }));
    });
  }

  #stock(kind: string): Stock {
    const stock = this.#kinds.get(kind) ?? { count: 0, names: [] };
    this.#kinds.set(kind, stock);
    return stock;
  }
}

/** How many of each kind; a name in a reservation counts as one of its kind. */
function counts(wanted: readonly GenericResource[]): [kind: string, count: number][] {
  const counted = new Map<string, number>();
  for (const { DiscreteResourceSpec: discrete, NamedResourceSpec: named } of wanted) {
    if (discrete) counted.set(discrete.Kind, (counted.get(discrete.Kind) ?? 0) + discrete.Value);
    if (named) counted.set(named.Kind, (counted.get(named.Kind) ?? 0) + 1);
  }
  return [...counted].filter(([, count]) => count > 0);
}
