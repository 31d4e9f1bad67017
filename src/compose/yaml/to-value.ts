/** YAML nodes to plain values: aliases and merge keys expanded, within a bound. */
import { isAlias, isMap, isPair, isScalar, isSeq } from 'yaml';
import type { Node, Pair, Scalar as ScalarNode, YAMLMap } from 'yaml';
import { Refusal } from '#base/refusal';
import { Float, ForeignMap, goQuote, goText, newMap } from '../value.ts';
import type { Path, Scalar, Value, ValueMap } from '../value.ts';
import { maxValues } from './limits.ts';
import type { Place } from './place.ts';
import { parseInteger, resolvePlain } from './resolve.ts';

export interface Reading {
  path: string;
  place: (offset: number) => Place;
  /** Filled with the tags that no YAML schema knows, by path joined with NUL. */
  tags: Map<string, string>;
}

/** Separator of path steps in `tags`. */
export const stepSeparator = '\u0000';

interface Walk extends Reading {
  anchors: Map<string, Node>;
  /** Nodes being expanded: an alias inside its own anchor never ends. */
  open: Set<Node>;
  /** Keys written twice, told together. */
  twice: { text: string; place: Place }[];
  count: number;
}

/** Throws Refusal on keys written twice, unknown or circular aliases, and too much expansion. */
export function toValue(root: Node | null, reading: Reading): Value {
  const walk: Walk = { ...reading, anchors: new Map(), open: new Set(), twice: [], count: 0 };
  const value = nodeValue(root, [], walk);
  const [first] = walk.twice;
  if (!first) return value;
  const texts = walk.twice.map(({ text }) => `\n  ${text}`).join('');
  throw new Refusal('invalidArgument', `yaml: unmarshal errors:${texts}`, { file: walk.path, ...first.place });
}

function refuse(walk: Walk, node: Node | null, message: string): Refusal {
  const offset = node?.range?.[0];
  return new Refusal('invalidArgument', message, { file: walk.path, ...(offset === undefined ? {} : walk.place(offset)) });
}

function nodeValue(node: Node | null, path: Path, walk: Walk): Value {
  walk.count += 1;
  if (walk.count > maxValues) throw refuse(walk, node, 'yaml: document contains excessive aliasing');
  if (node === null) return null;
  if (isAlias(node)) return aliasValue(node.source, node, path, walk);
  const anchored = node as Node & { anchor?: string };
  if (anchored.anchor !== undefined) walk.anchors.set(anchored.anchor, node);
  noteTag(node, path, walk);
  if (isScalar(node)) return scalarValue(node, walk);
  walk.open.add(node);
  try {
    if (isSeq(node)) return node.items.map((item, index) => nodeValue(item as Node | null, [...path, index], walk));
    if (isMap(node)) return mapValue(node, path, walk);
  } finally {
    walk.open.delete(node);
  }
  throw refuse(walk, node, 'yaml: unknown kind of node');
}

function noteTag(node: Node, path: Path, walk: Walk): void {
  if (node.tag?.startsWith('!') === true && node.tag !== '!') walk.tags.set(path.join(stepSeparator), node.tag);
}

function aliasValue(name: string, node: Node, path: Path, walk: Walk): Value {
  const target = walk.anchors.get(name);
  if (!target) throw refuse(walk, node, `yaml: unknown anchor '${name}' referenced`);
  if (walk.open.has(target)) throw refuse(walk, node, `yaml: anchor '${name}' value contains itself`);
  return nodeValue(target, path, walk);
}

function scalarValue(node: ScalarNode, walk: Walk): Scalar {
  const text = typeof node.value === 'string' ? node.value : '';
  const tag = node.tag?.replace(/^tag:yaml\.org,2002:/, '!!');
  if (tag === '!!str' || tag === '!') return text;
  if (tag === '!!int') return parseInteger(text.replaceAll('_', '')) ?? fail();
  if (tag === '!!float') {
    const value = resolvePlain(text);
    return typeof value === 'number' ? new Float(value) : value instanceof Float ? value : fail();
  }
  if (tag === '!!bool' || tag === '!!null') return resolvePlain(text);
  if (tag === '!!binary') return Buffer.from(text, 'base64').toString('latin1');
  // A tag of the file's own leaves the text as it is.
  if (tag?.startsWith('!') === true && tag !== '!!timestamp') return text;
  return node.type === 'PLAIN' || node.type === undefined ? resolvePlain(text) : text;

  function fail(): never {
    throw refuse(walk, node, `yaml: cannot decode !!str \`${text}\` as a ${tag ?? ''}`);
  }
}

function mapValue(node: YAMLMap, path: Path, walk: Walk): Value {
  const own = newMap();
  const foreign: [Value, Value][] = [];
  const lines = new Map<string, number>();
  const merges: Pair[] = [];
  for (const pair of node.items) {
    if (!isPair(pair)) continue;
    const keyNode = pair.key as Node | null;
    if (isMergeKey(keyNode)) {
      merges.push(pair as Pair);
      continue;
    }
    const key = nodeValue(keyNode, path, walk);
    const text = typeof key === 'string' ? key : goText(key);
    const place = walk.place(keyNode?.range?.[0] ?? 0);
    const first = lines.get(text);
    if (first !== undefined) walk.twice.push({ text: `line ${place.line}: mapping key ${goQuote(text)} already defined at line ${first}`, place });
    lines.set(text, first ?? place.line);
    const value = nodeValue(pair.value as Node | null, [...path, text], walk);
    if (typeof key === 'string') own[key] = value;
    else foreign.push([key, value]);
  }
  for (const pair of merges) mergeInto(own, pair.value as Node | null, path, walk);
  return foreign.length === 0 ? own : new ForeignMap([...foreign, ...Object.entries(own)]);
}

function isMergeKey(node: Node | null): boolean {
  if (!isScalar(node) || (node.value !== '<<' && typeof node.value !== 'symbol')) return false;
  const tag = node.tag?.replace(/^tag:yaml\.org,2002:/, '!!');
  return tag === '!!merge' || ((node.type === 'PLAIN' || node.type === undefined) && tag !== '!!str');
}

/** `<<`: keys of one map or of several, the earlier winning; the map's own keys win over all. */
function mergeInto(target: Record<string, Value>, node: Node | null, path: Path, walk: Walk): void {
  const items = isSeq(node) ? (node.items as (Node | null)[]) : [node];
  for (const item of items) {
    const value = nodeValue(item, path, walk);
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof ForeignMap) {
      throw refuse(walk, item, 'yaml: map merge requires map or sequence of maps as the value');
    }
    for (const [key, merged] of Object.entries(value as ValueMap)) if (!(key in target)) target[key] = merged;
  }
}
