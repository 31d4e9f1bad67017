/** Parts of an nftables table, as text and as the lines that make one table of another without touching what both have. */

import { oncePer } from '#base/pace/once-per';

/** What a lookup goes by. */
export interface Holder {
  kind: 'map' | 'set';
  name: string;
  /** As nft has it, with flags where there are any. */
  type: string;
  /** Of a map `key : value`. */
  items: readonly string[];
}

export interface Chain {
  kind: 'chain';
  name: string;
  /** Type, place and priority; absent: it is gone to from others. */
  hook?: string;
  /** Each ends with a semicolon. */
  rules: readonly string[];
}

/** Counts on, whatever becomes of those that refer to it. */
export interface NamedCounter {
  kind: 'counter';
  name: string;
}

export type RulePart = Holder | Chain | NamedCounter;

export function elements(kind: Holder['kind'], name: string, type: string, items: readonly string[]): Holder {
  return { kind, name, type, items: [...new Set(items)] };
}

export function hooked(name: string, type: string, hook: string, priority: number, rules: readonly string[]): Chain {
  return { kind: 'chain', name, hook: `type ${type} hook ${hook} priority ${priority}; policy accept;`, rules };
}

export function chain(name: string, ...rules: readonly string[]): Chain {
  return { kind: 'chain', name, rules };
}

export const partText = oncePer((part: RulePart): string => {
  if (part.kind === 'counter') return `  counter ${part.name} { packets 0 bytes 0 }`;
  if (part.kind !== 'chain') {
    const items = part.items.length > 0 ? `elements = { ${part.items.join(', ')} }; ` : '';
    return `  ${part.kind} ${part.name} { type ${part.type}; ${items}}`;
  }
  if (part.hook === undefined) return `  chain ${part.name} { ${part.rules.join(' ')} }`;
  return [`  chain ${part.name} {`, `    ${part.hook}`, ...part.rules.map((rule) => `    ${rule}`), '  }'].join('\n');
});

/** Lines that make a table hold `parts` whatever it has of them, and lose no count; what else is there stays. */
export function filledLines(table: string, parts: readonly RulePart[]): string[] {
  const made = parts.flatMap((part) => {
    if (part.kind === 'counter') return [`add counter ${table} ${part.name}`];
    if (part.kind !== 'chain') return [`add ${part.kind} ${table} ${part.name} { type ${part.type}; }`, `flush ${part.kind} ${table} ${part.name}`];
    return [`add chain ${table} ${part.name}${part.hook === undefined ? '' : ` { ${part.hook} }`}`, `flush chain ${table} ${part.name}`];
  });
  const filled = parts.flatMap((part) =>
    part.kind === 'chain' ? addedRules(table, part) : part.kind === 'counter' ? [] : movedLines('add', table, part, part.items),
  );
  return [`add table ${table}`, ...made, ...filled];
}

function addedRules(table: string, { name, rules }: Chain): string[] {
  return rules.map((rule) => `add rule ${table} ${name} ${rule.replace(/;$/, '')}`);
}

function movedLines(verb: 'add' | 'delete', table: string, { name }: Holder, items: readonly string[]): string[] {
  return items.length > 0 ? [`${verb} element ${table} ${name} { ${items.join(', ')} }`] : [];
}

/** Lines that make a table of the parts `after` of one that has `before`, in an order in which each finds what it names; undefined where it must be written whole. */
export function changedLines(table: string, before: readonly RulePart[], after: readonly RulePart[]): string[] | undefined {
  const known = new Map(before.map((part) => [keyOf(part), part]));
  const wanted = new Map(after.map((part) => [keyOf(part), part]));
  const made: string[] = [];
  const filled: string[] = [];
  const moved: string[] = [];
  const gone: string[] = [];
  for (const [key, part] of known) {
    if (wanted.has(key)) continue;
    if (part.kind === 'counter') {
      gone.push(`delete counter ${table} ${part.name}`);
      continue;
    }
    if (part.kind !== 'chain' || part.hook !== undefined) return undefined;
    gone.push(`flush chain ${table} ${part.name}`, `delete chain ${table} ${part.name}`);
  }
  for (const [key, part] of wanted) {
    const old = known.get(key);
    if (part.kind === 'counter') {
      if (!old) made.push(`add counter ${table} ${part.name}`);
    } else if (part.kind !== 'chain') {
      const lines = old?.kind === part.kind ? movedElements(table, old, part) : undefined;
      if (!lines) return undefined;
      moved.push(...lines);
    } else if (old !== part && (!old || partText(old) !== partText(part))) {
      if (part.hook !== undefined || (old?.kind === 'chain' && old.hook !== undefined)) return undefined;
      made.push(old ? `flush chain ${table} ${part.name}` : `add chain ${table} ${part.name}`);
      filled.push(...addedRules(table, part));
    }
  }
  return [...made, ...filled, ...moved, ...gone];
}

/** Elements that go, then those that come: a key that leads elsewhere does both. Ranges are not moved one by one. */
function movedElements(table: string, before: Holder, after: Holder): string[] | undefined {
  if (before.type === after.type && before.items.length === after.items.length && before.items.every((item, at) => item === after.items[at])) return [];
  const [had, has] = [new Set(before.items), new Set(after.items)];
  const gone = before.items.filter((item) => !has.has(item)).map((item) => item.split(' : ')[0] ?? '');
  const come = after.items.filter((item) => !had.has(item));
  if (gone.length + come.length === 0) return before.type === after.type ? [] : undefined;
  if (before.type !== after.type || after.type.includes('interval')) return undefined;
  return [...movedLines('delete', table, after, gone), ...movedLines('add', table, after, come)];
}

function keyOf({ kind, name }: RulePart): string {
  return `${kind} ${name}`;
}
