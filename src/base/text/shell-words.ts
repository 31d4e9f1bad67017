/** A command line given as one text, cut into words as a shell would (quotes, backslashes, comments; nothing expanded). */
import { Refusal } from '../refusal.ts';

/** Throws Refusal with shlex's texts when a quote or an escape is left open. */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let index = 0;
  const next = (): string | undefined => line[index++];
  for (let character = next(); character !== undefined; character = next()) {
    if (/[ \t\r\n]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === '#' && word === undefined) {
      while (character !== undefined && character !== '\n') character = next();
    } else if (character === '\\') {
      word = (word ?? '') + (next() ?? fail('EOF found after escape character'));
    } else if (character === "'") {
      word = (word ?? '') + quoted("'");
    } else if (character === '"') {
      word = (word ?? '') + quoted('"');
    } else word = (word ?? '') + character;
  }
  if (word !== undefined) words.push(word);
  return words;

  function quoted(quote: string): string {
    let inner = '';
    for (let character = next(); character !== quote; character = next()) {
      if (character === undefined) fail('EOF found when expecting closing quote');
      if (character === '\\' && quote === '"') character = next() ?? fail('EOF found after escape character');
      inner += character;
    }
    return inner;
  }
}

function fail(message: string): never {
  throw new Refusal('invalidArgument', message);
}

/** The text as one word of a shell, whatever is in it. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
