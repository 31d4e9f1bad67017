/** What `shoal.yml` at the top of a commit says of how its stacks are rendered. */
import { posix } from 'node:path';
import { Refusal } from '#base/refusal';
import { readRepositoryFile, type RepositoryFile } from '#compose/repository/repository-file';
import type { StackSpec } from '#model/object/stack';
import { ignoredWords, ignoreLabel } from '#model/options/ignored';
import { root, type Snapshot } from '../snapshot.ts';
import { normal } from './stack-places.ts';

export const repositoryFileName = 'shoal.yml';
/** What stands in it would hold for nothing. */
const misspelt = 'shoal.yaml';
const mostErrors = 20;

/** What the daemon says a repository's stack files are rendered with. */
export interface AskedSettings {
  /** `compose.NAME.yml` is laid over a stack file, `.env.NAME` over `.env`. */
  environment?: string;
  variables: Readonly<Record<string, string>>;
}

/** With what the commit itself says. */
export interface RenderSettings extends AskedSettings {
  /** Laid over the stack files of each folder that has them. */
  overlays: readonly string[];
  /** Of variables, from the top of the repository. */
  envFiles: readonly string[];
  /** The folder of `secrets` and `configs` that stacks share: beside that of the stacks. */
  shared: string;
}

/** undefined: the commit has none. `absent`: it is not in the mirror yet. Throws a Refusal with all that is wrong in it, a line each. */
export async function repositoryFile(snapshot: Snapshot): Promise<RepositoryFile | 'absent' | undefined> {
  const other = await bytesOf(snapshot, misspelt);
  if (other === 'absent') return 'absent';
  if (other) throw new Refusal('invalidArgument', `${misspelt} is not read: call it ${repositoryFileName}`);
  const bytes = await bytesOf(snapshot, repositoryFileName);
  return bytes === undefined || bytes === 'absent' ? bytes : parsed(bytes);
}

async function bytesOf(snapshot: Snapshot, name: string): Promise<Uint8Array | 'absent' | undefined> {
  const path = posix.join(root, name);
  for (;;) {
    const before = snapshot.misses;
    const found = snapshot.read(path);
    if ('bytes' in found) return found.bytes;
    if (snapshot.misses === before) {
      if (snapshot.identity(path)?.endsWith(': no such file or directory')) return undefined;
      throw new Refusal('invalidArgument', found.error.replaceAll(`${root}/`, ''));
    }
    if (!(await snapshot.load())) return 'absent';
  }
}

function parsed(bytes: Uint8Array): RepositoryFile {
  const file = readRepositoryFile(repositoryFileName, bytes);
  if ('errors' in file) throw new Refusal('invalidArgument', file.errors.slice(0, mostErrors).join('\n'));
  return file;
}

/** What the operator says wins over the commit's environment, and that over what holds for all. */
export function settingsOf(file: RepositoryFile | undefined, path: string, asked: AskedSettings): RenderSettings {
  const { environment } = asked;
  const found = environment === undefined ? undefined : file?.environments.get(environment);
  if (environment !== undefined && file && file.environments.size > 0 && !found)
    throw new Refusal('invalidArgument', `${repositoryFileName}: environments has no ${environment}, only ${[...file.environments.keys()].join(', ')}`);
  return {
    ...asked,
    variables: { ...file?.variables, ...found?.variables, ...asked.variables },
    overlays: found?.files ?? [],
    envFiles: found?.envFiles ?? [],
    shared: file?.stacks ? '' : posix.dirname(normal(path)),
  };
}

/** The stack with what of its services belongs to somebody else. */
export function withoutForeign(stack: StackSpec, words: readonly string[]): StackSpec {
  if (words.length === 0) return stack;
  const Services = stack.Services.map((service) => {
    const all = [...new Set([...ignoredWords(service.Labels?.[ignoreLabel]), ...words])];
    return { ...service, Labels: { ...service.Labels, [ignoreLabel]: all.join(',') } };
  });
  return { ...stack, Services };
}
