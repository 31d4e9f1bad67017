/** Variables in texts as Docker's v3 loader reads them, faults included. */
import { Refusal } from '#base/refusal';

const substitution = '[_a-z][_a-z0-9]*(?::?[-?][^}]*)?';
const pattern = new RegExp(`\\$(?:(?<escaped>\\$)|(?<named>${substitution})|\\{(?<braced>${substitution})\\}|)`, 'gi');

/** A refusal whose facts hold `template`: the text to show, which is the whole one or names the missing variable. */
function invalid(template: string): Refusal {
  return new Refusal('invalidArgument', `invalid interpolation format`, { template });
}

/**
 * Kept faults of Docker's: a default runs on without braces to the next `}`, nothing nests inside one, and the operator
 * is looked for in the order `:-`, `-`, `:?`, `?`, so that a message with a dash turns "required" into "default". Of several
 * mistakes in a text the last one is told.
 */
export function substitute(text: string, lookup: (name: string) => string | undefined): string {
  let mistake: Refusal | undefined;
  const result = text.replace(pattern, (...parts: unknown[]) => {
    const { escaped, named, braced } = parts.at(-1) as { escaped?: string; named?: string; braced?: string };
    if (escaped !== undefined) return '$';
    const body = named ?? braced;
    const value = body === undefined ? invalid(text) : valueOf(body, lookup);
    if (typeof value === 'string') return value;
    mistake = value;
    return '';
  });
  if (mistake) throw mistake;
  return result;
}

function valueOf(body: string, lookup: (name: string) => string | undefined): string | Refusal {
  const operator = [':-', '-', ':?', '?'].find((candidate) => body.includes(candidate));
  if (operator === undefined) return lookup(body) ?? '';
  const at = body.indexOf(operator);
  const name = body.slice(0, at);
  const rest = body.slice(at + operator.length);
  const value = lookup(name);
  const missing = value === undefined || (operator.startsWith(':') && value === '');
  if (!missing) return value;
  if (operator.endsWith('?')) return invalid(`required variable ${name} is missing a value: ${rest}`);
  return rest;
}
