/** How long what is said of a repository may be: it is looked at by patterns, kept in the log, and shown, and anybody who may write to a repository may declare others. */
import { Refusal } from '#base/refusal';
import type { RepositorySpec } from '#model/object/repository';

const longest = { url: 2048, name: 255, path: 1024, word: 1024 } as const;
const most = { allow: 500, windows: 100 } as const;

/** Refuses, before anything else looks at it, what is longer than a name, a place or a path can be. */
export function checkTexts({ Name, URL, Branch, Ref, SemVer, Environment, Path, Allow = [], Freeze = [] }: RepositorySpec): void {
  checkText('its name', Name, longest.name);
  checkText('the URL', URL, longest.url);
  for (const name of [Branch, Ref, SemVer]) checkText('the name of a branch or a tag', name, longest.name);
  checkText('the name of an environment', Environment, longest.name);
  checkText('the path', Path, longest.path);
  checkCount('allowances', Allow, most.allow);
  for (const word of Allow) checkText('an allowance', word, longest.word);
  checkCount('windows', Freeze, most.windows);
  for (const window of Freeze) checkText('a window', window, longest.name);
}

function checkText(what: string, text: string | undefined, limit: number): void {
  if (text === undefined || text.length <= limit) return;
  throw new Refusal('invalidArgument', `${what} is longer than ${limit} characters: "${text.slice(0, 40)}…"`);
}

function checkCount(what: string, list: readonly string[], limit: number): void {
  if (list.length > limit) throw new Refusal('invalidArgument', `${list.length} ${what} are more than the ${limit} that a repository may have`);
}
