/** Bytes to a tree of values, and where each value stands; only the first document of a file counts. */
import { Composer, LineCounter, Parser } from 'yaml';
import type { CST, Document } from 'yaml';
import { Refusal } from '#base/refusal';
import type { Path, Value } from '../value.ts';
import { toValue } from './to-value.ts';
import { maxBytes, maxDepth } from './limits.ts';
import { placeOf } from './place.ts';

export interface Place {
  line: number;
  column: number;
}

export interface Source {
  /** As shown in errors. */
  path: string;
  /** Lines of the file, for showing one. */
  text: string;
  value: Value;
  /** Place of the key or list item at `path`, or of what encloses it. */
  place: (path: Path) => Place | undefined;
  /** Tags that stand before values (`!reset`), by path joined with NUL. */
  tags: ReadonlyMap<string, string>;
}

/** Facts of a refusal of this file: the place counted from 1. */
function refuse(file: string, message: string, place?: Place): Refusal {
  return new Refusal('invalidArgument', message, { file, ...place });
}

/**
 * Reads YAML as Go's reader does (merge keys, aliases, no YAML 1.1 words).
 * Throws Refusal with facts {file, line, column}: too large, too deep, not UTF-8, broken, keys twice.
 */
export function readYaml(path: string, bytes: Uint8Array): Source {
  const text = decode(path, bytes);
  const lines = new LineCounter();
  const document = compose(path, text, lines);
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const error = document?.errors[0];
  if (error) throw refuse(path, `yaml: line ${place(error.pos[0]).line}: ${error.message.split('\n')[0] ?? ''}`, place(error.pos[0]));
  const root = document?.contents ?? null;
  const tags = new Map<string, string>();
  const value = toValue(root, { path, place, tags });
  return { path, text, value, tags, place: (steps) => placeOf(root, steps, place) };
}

function decode(path: string, bytes: Uint8Array): string {
  if (bytes.length > maxBytes) throw refuse(path, `the file has ${bytes.length} bytes; at most ${maxBytes} are read`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refuse(path, 'yaml: invalid leading UTF-8 octet');
  }
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.exec(text);
  if (control) throw refuse(path, 'yaml: control characters are not allowed');
  return text;
}

/** The first document; composing recurses, so the depth is measured on the flat syntax tree first. */
function compose(path: string, text: string, lines: LineCounter): Document.Parsed | undefined {
  const tokens: CST.Token[] = [];
  try {
    for (const token of new Parser(lines.addNewLine).parse(text)) {
      const previous = tokens.some((earlier) => earlier.type === 'document');
      if (previous && token.type === 'document') break;
      tokens.push(token);
    }
    if (depthOver(tokens, maxDepth)) throw refuse(path, `yaml: exceeded max depth of ${maxDepth}`);
    const options = { schema: 'failsafe', merge: false, uniqueKeys: false, logLevel: 'silent', stringKeys: false } as const;
    for (const document of new Composer(options).compose(tokens)) return document as Document.Parsed;
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    // The reader itself gave up (its stack, its own asserts): bytes like these are nobody's stack file.
    throw refuse(path, `yaml: ${error instanceof Error ? error.message : 'unreadable'}`);
  }
}

function depthOver(tokens: readonly CST.Token[], limit: number): boolean {
  const open: { node: unknown; depth: number }[] = tokens.map((node) => ({ node, depth: 0 }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, depth } = next;
    if (typeof node !== 'object' || node === null) continue;
    if (depth > limit) return true;
    const { items, value, key } = node as { items?: unknown[]; value?: unknown; key?: unknown };
    for (const item of items ?? []) {
      const { key: itemKey, value: itemValue } = item as { key?: unknown; value?: unknown };
      open.push({ node: itemKey, depth: depth + 1 }, { node: itemValue, depth: depth + 1 });
    }
    open.push({ node: value, depth }, { node: key, depth });
  }
  return false;
}
