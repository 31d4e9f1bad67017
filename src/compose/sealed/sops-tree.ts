/** SOPS files that are trees: YAML, JSON, and whole files of any kind inside a JSON of one value. */
import { isAlias, isMap, isScalar, isSeq, parseAllDocuments, type Document, type YAMLMap } from 'yaml';
import { Refusal } from '#base/refusal';
import { metadataOf, type SopsDocument, type SopsLeaf } from './sops-document.ts';
import type { Scalar } from './sops-value.ts';

/** Parsing YAML takes its time. */
const largestYamlCharacters = 256 * 1024;
const deepest = 100;

export function readJson(text: string, binary: boolean): SopsDocument | undefined {
  const top = parsedJson(text);
  if (!isRecord(top)) return undefined;
  const { sops, ...rest } = top;
  const metadata = metadataOf(sops);
  if (!metadata) return undefined;
  const values: SopsLeaf[] = [];
  walkJson(rest, [], values, 0);
  const whole = binary && Object.keys(rest).length === 1 && typeof rest['data'] === 'string';
  if (binary && !whole) throw new Refusal('invalidArgument', 'it is JSON that SOPS wrote, and not called .json');
  return { metadata, values, ...(whole && { binary: true as const }), text: () => (whole ? String(rest['data']) : `${JSON.stringify(rest, undefined, 2)}\n`) };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function walkJson(node: Record<string, unknown> | unknown[], path: readonly string[], values: SopsLeaf[], depth: number): void {
  if (depth > deepest) throw new Refusal('invalidArgument', `it is nested more than ${deepest} deep`);
  const keys = Object.keys(node);
  // JavaScript puts such keys first, and the checksum goes by the order of the file.
  if (!Array.isArray(node) && keys.length > 1 && keys.some((key) => /^\d+$/.test(key)))
    throw new Refusal('invalidArgument', 'keys that are numbers are not read in JSON: use YAML');
  for (const key of keys) {
    const holder = node as Record<string, unknown>;
    const value = holder[key];
    const at = Array.isArray(node) ? path : [...path, key];
    if (typeof value === 'object' && value !== null) walkJson(value as Record<string, unknown>, at, values, depth + 1);
    else if (value !== null && value !== undefined)
      values.push({
        path: at,
        value: value as Scalar,
        set: (opened) => {
          if (typeof opened === 'bigint' && !Number.isSafeInteger(Number(opened))) throw new Refusal('invalidArgument', 'a number is larger than JSON has');
          holder[key] = typeof opened === 'bigint' ? Number(opened) : opened;
        },
      });
  }
}

export function readYaml(text: string): SopsDocument | undefined {
  if (text.length > largestYamlCharacters) throw new Refusal('invalidArgument', `it is larger than ${largestYamlCharacters} characters`);
  const documents = parseAllDocuments(text, { intAsBigInt: true, uniqueKeys: true });
  const [document] = documents;
  if (!document || !('errors' in document) || documents.length !== 1) throw new Refusal('invalidArgument', 'it must be one YAML document');
  const fault = document.errors[0];
  if (fault) throw new Refusal('invalidArgument', `it is no YAML: ${fault.message.split('\n')[0] ?? ''}`);
  const top = document.contents as unknown;
  if (!isMap(top)) return undefined;
  const metadata = metadataOf((top as YAMLMap).toJSON()?.['sops']);
  if (!metadata) return undefined;
  (top as YAMLMap).delete('sops');
  const values: SopsLeaf[] = [];
  walkYaml(top, [], values, 0);
  return { metadata, values, text: () => shownYaml(document as Document) };
}

/** Comments may be encrypted as well, and are left out. */
function shownYaml(document: Document): string {
  document.commentBefore = null;
  document.comment = null;
  return document.toString({ lineWidth: 0 });
}

function walkYaml(node: unknown, path: readonly string[], values: SopsLeaf[], depth: number): void {
  if (depth > deepest) throw new Refusal('invalidArgument', `it is nested more than ${deepest} deep`);
  if (isAlias(node)) throw new Refusal('invalidArgument', 'it holds an alias, which SOPS does not write');
  withoutComments(node);
  if (isScalar(node)) {
    const { value } = node;
    if (value === null || value === undefined) return;
    if (typeof value === 'object') throw new Refusal('invalidArgument', 'it holds a value of a kind that is not known');
    values.push({ path, value: value as Scalar, set: (opened) => (node.value = opened) });
    return;
  }
  if (isSeq(node)) for (const item of node.items) walkYaml(item, path, values, depth + 1);
  if (!isMap(node)) return;
  for (const { key, value } of node.items) {
    if (!isScalar(key)) throw new Refusal('invalidArgument', 'it holds a key that is no plain text');
    withoutComments(key);
    walkYaml(value, [...path, String(key.value)], values, depth + 1);
  }
}

function withoutComments(node: unknown): void {
  if (typeof node !== 'object' || node === null) return;
  const holder = node as { comment?: string | null; commentBefore?: string | null };
  holder.comment = null;
  holder.commentBefore = null;
}
