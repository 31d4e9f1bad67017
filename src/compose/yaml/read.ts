/** Bytes to a tree of values, and where each value stands; only the first document of a file counts. */
import { Composer, Lexer, LineCounter, Parser } from 'yaml';
import type { CST, Document } from 'yaml';
import { Refusal } from '#base/refusal';
import type { Path, Value } from '../value.ts';
import { toValue } from './to-value.ts';
import { maxBytes, maxDepth, maxLexemes } from './limits.ts';
import { placeOf } from './place.ts';
import type { Place } from './place.ts';
import { syntaxErrorText } from './syntax-error.ts';

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
  /** Where a further document begins that holds something: nobody reads it. */
  further?: Place;
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
  const { document, further } = compose(path, text, lines);
  const place = (offset: number): Place => placeAt(lines, offset);
  const error = document?.errors[0];
  if (error) {
    const at = place(error.pos[0]);
    const hint = error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '');
    throw new Refusal('invalidArgument', syntaxErrorText(error, at.line), { file: path, ...at, hint });
  }
  const root = document?.contents ?? null;
  const tags = new Map<string, string>();
  const value = toValue(root, { path, place, tags });
  return { path, text, value, tags, place: (steps) => placeOf(root, steps, place), ...(further !== undefined && { further: place(further) }) };
}

function placeAt(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

function decode(path: string, bytes: Uint8Array): string {
  if (bytes.length > maxBytes) throw refuse(path, `the file has ${bytes.length} bytes; at most ${maxBytes} are read`, { line: 1, column: 1 });
  const text = decoded(bytes);
  if (text === undefined) throw refuse(path, 'yaml: invalid leading UTF-8 octet', endOf(readablePart(bytes)));
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.exec(text);
  if (control) throw refuse(path, 'yaml: control characters are not allowed', endOf(text.slice(0, control.index)));
  return text;
}

/** `isPart`: the last character may be cut off. */
function decoded(bytes: Uint8Array, isPart = false): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: isPart });
  } catch {
    return undefined;
  }
}

/** All before the first byte that is no UTF-8. */
function readablePart(bytes: Uint8Array): string {
  let [good, bad] = [0, bytes.length];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (decoded(bytes.subarray(0, middle), true) === undefined) bad = middle;
    else good = middle;
  }
  return decoded(bytes.subarray(0, good), true) ?? '';
}

/** The place right behind a text. */
function endOf(text: string): Place {
  const lines = text.split('\n');
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

interface Read {
  /** The first one. */
  document: Document.Parsed | undefined;
  /** Offset of the next one that holds something. */
  further: number | undefined;
}

/** The first document; the later steps recurse and are slow, so length and depth are judged as the words come in. */
function compose(path: string, text: string, lines: LineCounter): Read {
  try {
    const options = { schema: 'failsafe', merge: false, uniqueKeys: false, logLevel: 'silent', stringKeys: false } as const;
    const { tokens, further } = firstDocument(path, text, lines);
    for (const document of new Composer(options).compose(tokens)) return { document: document as Document.Parsed, further };
    return { document: undefined, further };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    // The reader itself gave up (its stack, its own asserts): bytes like these are nobody's stack file.
    throw refuse(path, `yaml: ${error instanceof Error ? error.message : 'unreadable'}`);
  }
}

/** Syntax up to the end of the first document, or of the next one that holds something. */
function firstDocument(path: string, text: string, lines: LineCounter): { tokens: CST.Token[]; further: number | undefined } {
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  let count = 0;
  let further: number | undefined;
  lines.addNewLine(0);
  const take = (token: CST.Token): void => {
    const isLater = token.type === 'document' && tokens.some((earlier) => earlier.type === 'document');
    if (isLater) further ??= token.value?.offset;
    else tokens.push(token);
  };
  for (const lexeme of new Lexer().lex(text)) {
    count += 1;
    const here = (): Place => placeAt(lines, parser.offset);
    if (count > maxLexemes) throw refuse(path, `yaml: more than ${maxLexemes} words and marks`, here());
    if (parser.stack.length > maxDepth) throw refuse(path, `yaml: exceeded max depth of ${maxDepth}`, here());
    for (const token of parser.next(lexeme)) take(token);
    if (further !== undefined) return { tokens, further };
  }
  for (const token of parser.end()) take(token);
  return { tokens, further };
}
