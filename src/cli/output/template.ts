/** --format: Go's templates with the functions that docker's commands add to them. */
import { TemplateError } from '#template/error';
import { expandTemplate, type TemplateScope } from '#template/expand';
import { textOf } from '#template/text';
import { CommandError, exitCodes } from '../command-error.ts';

const functions: TemplateScope['functions'] = {
  json: (value) => jsonText(value),
  join: (values, separator) => (Array.isArray(values) ? values.map(textOf).join(textOf(separator)) : textOf(values)),
  split: (text, separator) => textOf(text).split(textOf(separator)),
  upper: (text) => textOf(text).toUpperCase(),
  lower: (text) => textOf(text).toLowerCase(),
  title: (text) => textOf(text).replaceAll(/(?<![\p{L}\p{N}_'])\p{L}/gu, (letter) => letter.toUpperCase()),
  pad: (text, before, after) => (text === '' ? '' : blanks(before) + textOf(text) + blanks(after)),
  truncate: (text, length) => Array.from(textOf(text)).slice(0, whole(length)).join(''),
};

/** One JSON text without line breaks; `<`, `>` and `&` are escaped as Go's encoder has it. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value ?? null);
  return text.replaceAll(/[<>&\u2028\u2029]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Expands `template` for an object of the API: fields that it lacks are `<no value>`. Refuses what cannot be read. */
export function expandForObject(template: string, data: unknown): string {
  return expand(template, { data, functions, missing: 'absent' });
}

/** Expands `template` for a line of a list: a column that does not exist is refused. */
export function expandForRow(template: string, data: unknown): string {
  return expand(template, { data, functions, missing: 'error' });
}

function expand(template: string, scope: TemplateScope): string {
  try {
    return expandTemplate(template, scope);
  } catch (error) {
    if (error instanceof TemplateError) throw new CommandError(`template parsing error: ${error.message}`, exitCodes.usage);
    throw error;
  }
}

function whole(value: unknown): number {
  if (!Number.isInteger(value)) throw new TemplateError(`expected integer; found ${textOf(value)}`);
  return Math.max(0, Number(value));
}

function blanks(count: unknown): string {
  return ' '.repeat(Math.min(whole(count), 1000));
}
