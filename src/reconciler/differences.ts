/** Where two specs differ, for people: one line a field, values of variables left out. */

const longestText = 60;
const mostLines = 20;

/** `Mode.Replicated.Replicas: 3 → 5`, in the order of the fields; `live` first. At most 20 lines. */
export function differences(live: unknown, wanted: unknown): string[] {
  const lines = walk('', live, wanted);
  return lines.length <= mostLines ? lines : [...lines.slice(0, mostLines), `and ${lines.length - mostLines} more`];
}

function walk(path: string, live: unknown, wanted: unknown): string[] {
  if (isObject(live) && isObject(wanted)) {
    const keys = [...new Set([...Object.keys(live), ...Object.keys(wanted)])].toSorted();
    return keys.flatMap((key) => walk(path === '' ? key : `${path}.${key}`, live[key], wanted[key]));
  }
  if (JSON.stringify(live) === JSON.stringify(wanted)) return [];
  if (path.endsWith('.Env')) return [`${path}: ${changedVariables(live, wanted)}`];
  return [`${path}: ${text(live)} → ${text(wanted)}`];
}

/** Names only: values are often secrets that should not be there. */
function changedVariables(live: unknown, wanted: unknown): string {
  const [before, after] = [live, wanted].map((list) => new Set(Array.isArray(list) ? list.map(String) : []));
  const changed = [...(before ?? []), ...(after ?? [])].filter((line) => !(before?.has(line) && after?.has(line)));
  return [...new Set(changed.map((line) => line.split('=')[0] ?? ''))].toSorted().join(', ');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  if (value === undefined) return 'nothing';
  const json = JSON.stringify(value);
  return json.length > longestText ? `${json.slice(0, longestText - 1)}…` : json;
}
