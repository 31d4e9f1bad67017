/** `inspect` of any kind: the API's JSON, or a template over it. */
import { CommandError } from '../command-error.ts';
import { expandForObject, jsonText } from '../output/template.ts';
import type { Session } from '../session.ts';

type Locate = (name: string) => [path: string, query?: Readonly<Record<string, string>>];

/** Prints what is found; missing ones are errors at the end, as docker has it. */
export async function inspectObjects(
  { client, terminal }: Session,
  names: readonly string[],
  format: string | undefined,
  kind: string,
  locate: Locate,
  pretty?: (object: object) => readonly string[],
): Promise<void> {
  const found = await Promise.all(names.map((name) => client.find<object>(...locate(name))));
  const objects = found.filter((object) => object !== undefined);
  if (pretty) for (const object of objects) for (const line of pretty(object)) terminal.out(line);
  else if (format === undefined) terminal.out(JSON.stringify(objects, undefined, 4));
  else if (format === 'json') terminal.out(jsonText(objects));
  else for (const object of objects) terminal.out(expandForObject(format, object));
  const missing = names.filter((_, index) => found[index] === undefined);
  if (missing.length > 0) throw new CommandError(missing.map((name) => `Error: no such ${kind}: ${name}`).join('\n'));
}
