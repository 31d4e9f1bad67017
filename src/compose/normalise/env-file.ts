/** Environment files as `docker run --env-file` reads them: `KEY=VALUE` verbatim, no quotes, no expansion. */
import { Refusal } from '#base/refusal';
import type { Environment } from '../project.ts';
import { newMap } from '../value.ts';

/** Later lines win. A bare KEY takes the caller's value and is dropped where there is none. Throws Refusal with Docker's texts. */
export function parseEnvFile(path: string, bytes: Uint8Array, lookup: (name: string) => string | undefined): Environment {
  const result: Environment = newMap<string | null>();
  let content: string;
  try {
    content = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw bad(path, 'invalid utf8 bytes');
  }
  for (const line of content.split('\n')) {
    const entry = line.replace(/\r$/, '').replace(/^\s+/, '');
    if (entry === '' || entry.startsWith('#')) continue;
    const at = entry.indexOf('=');
    const key = (at < 0 ? entry : entry.slice(0, at)).trimStart();
    if (key === '') throw bad(path, `no variable name on line '${entry}'`);
    if (/\s/.test(key)) throw bad(path, `variable '${key}' contains whitespaces`);
    const value = at < 0 ? lookup(key) : entry.slice(at + 1);
    if (value !== undefined) result[key] = value;
  }
  return result;
}

function bad(path: string, message: string): Refusal {
  return new Refusal('invalidArgument', `invalid env file (${path}): ${message}`);
}
