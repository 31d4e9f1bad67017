/** The part of Go's templates that people use with --format: fields, pipes to a few functions, literal text. */
import { CommandError, exitCodes } from '../command-error.ts';

type Value = unknown;

const functions: Readonly<Record<string, (args: readonly Value[]) => Value>> = {
  json: (args) => JSON.stringify(args[0]),
  upper: (args) => textOf(args[0]).toUpperCase(),
  lower: (args) => textOf(args[0]).toLowerCase(),
  title: (args) => textOf(args[0]).replace(/^./, (letter) => letter.toUpperCase()),
  println: (args) => `${args.map(textOf).join(' ')}\n`,
  len: (args) => lengthOf(args[0]),
  join: (args) => (Array.isArray(args[0]) ? args[0].map(textOf).join(textOf(args[1] ?? '')) : ''),
  split: (args) => textOf(args[0]).split(textOf(args[1] ?? '')),
  index: (args) => args.slice(1).reduce((value, key) => fieldOf(value, textOf(key)), args[0]),
};

/** Expands `template` with `data`. Refuses what it does not know, by name. */
export function expandTemplate(template: string, data: Value): string {
  const text = template.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
  return text.replaceAll(/\{\{-?\s*(.*?)\s*-?\}\}/gs, (_, action: string) => textOf(evaluate(action, data)));
}

function evaluate(action: string, data: Value): Value {
  let result: Value;
  for (const [position, stage] of action.split('|').entries()) {
    const words = wordsOf(stage);
    const name = words[0] ?? '';
    const piped = position === 0 ? [] : [result];
    const call = functions[name];
    if (call) result = call([...words.slice(1).map((word) => operand(word, data)), ...piped]);
    else if (words.length === 1) result = operand(name, data);
    else throw new CommandError(`template parsing error: function "${name}" not defined`, exitCodes.usage);
  }
  return result;
}

function wordsOf(stage: string): string[] {
  return stage.trim().match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
}

function operand(word: string, data: Value): Value {
  if (word === '.') return data;
  if (word.startsWith('"')) return JSON.parse(word) as string;
  if (/^-?\d+$/.test(word)) return Number(word);
  if (!word.startsWith('.')) throw new CommandError(`template parsing error: function "${word}" not defined`, exitCodes.usage);
  return word
    .slice(1)
    .split('.')
    .reduce((value, key) => fieldOf(value, key), data);
}

function fieldOf(value: Value, key: string): Value {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.hasOwn(value, key) ? (value as Record<string, Value>)[key] : undefined;
}

function lengthOf(value: Value): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

/** Go prints absent values so. */
function textOf(value: Value): string {
  if (value === undefined || value === null) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(textOf).join(' ')}]`;
  if (typeof value === 'object')
    return `map[${Object.entries(value)
      .map(([key, item]) => `${key}:${textOf(item)}`)
      .join(' ')}]`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
