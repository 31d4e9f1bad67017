/** Circles among names that name others: each name and each mention of one is looked at once. */

type Mentions = (name: string) => readonly string[];

interface Visit {
  name: string;
  /** The mention that is looked at next. */
  at: number;
}

/** Name → all names of the circles that it lies in; those that lie in none are left out. After Tarjan, without a call for each step. */
export function circlesOf(names: Iterable<string>, mentions: Mentions): ReadonlyMap<string, ReadonlySet<string>> {
  const circles = new Map<string, ReadonlySet<string>>();
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const visits: Visit[] = [];
  const lower = (name: string, to: number): void => void lowest.set(name, Math.min(lowest.get(name) ?? to, to));
  const enter = (name: string): void => {
    lower(name, order.size);
    order.set(name, order.size);
    open.push(name);
    isOpen.add(name);
    visits.push({ name, at: 0 });
  };
  const leave = (name: string): void => {
    const low = lowest.get(name) ?? 0;
    const above = visits.at(-1);
    if (above) lower(above.name, low);
    if (low !== order.get(name)) return;
    const members = new Set(open.splice(open.lastIndexOf(name)));
    for (const member of members) isOpen.delete(member);
    if (members.size > 1 || mentions(name).includes(name)) for (const member of members) circles.set(member, members);
  };
  for (const start of names) {
    if (!order.has(start)) enter(start);
    for (let visit = visits.at(-1); visit; visit = visits.at(-1)) {
      const next = mentions(visit.name)[visit.at++];
      if (next === undefined) {
        visits.pop();
        leave(visit.name);
      } else if (!order.has(next)) enter(next);
      else if (isOpen.has(next)) lower(visit.name, order.get(next) ?? 0);
    }
  }
  return circles;
}

/** The shortest way from a name back to itself through `members`; undefined when it is longer than `most` names or `looks` are used up. */
export function wayAround(start: string, members: ReadonlySet<string>, mentions: Mentions, most: number, looks: { left: number }): string[] | undefined {
  let ways: string[][] = [[start]];
  const reached = new Set<string>();
  for (let length = 1; length <= most; length++) {
    const longer: string[][] = [];
    for (const way of ways) {
      for (const next of mentions(way.at(-1) ?? start)) {
        if (looks.left-- <= 0) return undefined;
        if (next === start) return [...way, start];
        if (!members.has(next) || reached.has(next)) continue;
        reached.add(next);
        longer.push([...way, next]);
      }
    }
    ways = longer;
  }
  return undefined;
}
