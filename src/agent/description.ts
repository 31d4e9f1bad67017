/** What a node says of itself has a length that managers take: an engine's labels may be longer. */
import { longestDescription } from '#model/object/assignment';
import type { NodeDescription } from '#model/object/node';

/** The description as managers take it, with the shortest labels of its engine, as many as have room; `left`: the names of the others. */
export function fitting(description: NodeDescription): { description: NodeDescription; left: readonly string[] } {
  if (bytesOf(description) <= longestDescription) return { description, left: [] };
  const { Labels = {}, ...engine } = description.Engine;
  let room = longestDescription - bytesOf({ ...description, Engine: { ...engine, Labels: {} } });
  const labels = Object.entries(Labels).map(([name, value]) => ({ name, value, bytes: bytesOf({ [name]: value }) }));
  const kept: Record<string, string> = {};
  const left: string[] = [];
  for (const { name, value, bytes } of labels.toSorted((a, b) => a.bytes - b.bytes)) {
    room -= bytes;
    if (room >= 0) kept[name] = value;
    else left.push(name);
  }
  return { description: { ...description, Engine: { ...engine, Labels: kept } }, left };
}

function bytesOf(value: object): number {
  return Buffer.byteLength(JSON.stringify(value));
}
