/** `.env` files as Compose reads them: `export`, quotes, comments, and variables of earlier lines. */
import { Refusal } from '#base/refusal';
import type { Environment } from '../project.ts';
import { newMap } from '../value.ts';
import { expand } from './template.ts';

type Lookup = (name: string) => string | undefined;

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$' };

/** Later lines win; a bare KEY takes the caller's value and is dropped where there is none. Throws Refusal naming file and line. */
export function parseDotenv(path: string, bytes: Uint8Array, lookup: Lookup): Environment {
  const result: Environment = newMap<string | null>();
  const text = decode(path, bytes);
  const found: Lookup = (name) => lookup(name) ?? result[name] ?? undefined;
  // A quoted value may run over lines; a line that is none of the forms is an error, not a guess.
  const entry =
    /[ \t]*(?:(?:#[^\n]*)|(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*(?:[=:][ \t]*(?:'([^']*)'|"((?:[^"\\]|\\[^])*)"|([^\n]*?))[ \t]*)?(?:[ \t]#[^\n]*)?)?(?:\r?\n|$)/y;
  while (entry.lastIndex < text.length) {
    const start = entry.lastIndex;
    const match = entry.exec(text);
    if (!match) throw bad(path, text, start, 'expected KEY=VALUE');
    const [whole, key, single, double, plain] = match;
    if (key === undefined) continue;
    const value = single ?? valueOf(double, plain, found, path, text, start);
    const bare = single === undefined && double === undefined && plain === undefined && !/[=:]/.test(whole);
    const final = bare ? lookup(key) : value;
    if (final !== undefined) result[key] = final;
  }
  return result;
}

function valueOf(double: string | undefined, plain: string | undefined, lookup: Lookup, path: string, text: string, start: number): string {
  const template = double === undefined ? (plain ?? '').trim() : double.replace(/\\([^])/g, (_, character: string) => escaped(character));
  try {
    return expand(template, { lookup, undefinedVariable: () => undefined });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw bad(path, text, start, `variable that cannot be read in ${JSON.stringify(template)}`);
  }
}

/** `\$` stays a dollar through expansion. */
function escaped(character: string): string {
  return character === '$' ? '$$' : (escapes[character] ?? `\\${character}`);
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Refusal('invalidArgument', `invalid env file (${path}): invalid utf8 bytes`);
  }
}

function bad(path: string, text: string, offset: number, message: string): Refusal {
  const line = text.slice(0, offset).split('\n').length;
  return new Refusal('invalidArgument', `invalid env file (${path}): line ${line}: ${message}`, { file: path, line });
}
