/** A service's environment: env files first, its own words over them, the caller's values for what is left empty. */
import type { Environment } from '../project.ts';
import { goText, isMap, newMap } from '../value.ts';
import type { Value } from '../value.ts';
import { parseDotenv } from '../variables/dotenv.ts';
import { absolute } from './context.ts';
import type { Context } from './context.ts';
import { parseEnvFile } from './env-file.ts';
import { pairs, textOrList } from './decode.ts';

export interface EnvFile {
  path: string;
  required: boolean;
  /** Quotes and variables are read (Compose's own form), or lines are taken verbatim. */
  raw: boolean;
}

export function environmentOf(own: Value | undefined, files: readonly EnvFile[], context: Context): Environment | undefined {
  const result: Environment = newMap<string | null>();
  for (const file of files) fillIn(result, fileVariables(file, context), context);
  fillIn(result, pairs(own) ?? {}, context);
  return Object.keys(result).length === 0 ? undefined : result;
}

/** Docker's rule: a variable without a value, or with an empty one, takes the caller's. */
function fillIn(target: Environment, variables: Environment, context: Context): void {
  for (const [key, value] of Object.entries(variables)) {
    if (value === null) target[key] = context.lookup(key) ?? null;
    else target[key] = value === '' ? (context.caller(key) ?? '') : value;
  }
}

function fileVariables(file: EnvFile, context: Context): Environment {
  let bytes: Uint8Array;
  try {
    bytes = context.read(absolute(context.directory, file.path));
  } catch (error) {
    if (!file.required && context.mode === 'spec' && isMissing(error)) return {};
    throw error;
  }
  const path = absolute(context.directory, file.path);
  return file.raw ? parseEnvFile(path, bytes, context.lookup) : parseDotenv(path, bytes, context.lookup);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && error.message.includes('no such file or directory');
}

/** env_file in all its forms. Texts keep version 3's verbatim reading, so that a file means the same in both modes. */
export function envFiles(value: Value | undefined): EnvFile[] {
  if (isMap(value) || typeof value === 'string') return envFiles([value]);
  if (!Array.isArray(value)) return [];
  return (value as readonly Value[]).map((item) => {
    if (!isMap(item)) return { path: textOrList(item, 'env_file')?.[0] ?? '', required: true, raw: true };
    return { path: goText(item.path ?? ''), required: item.required !== false, raw: item.format === 'raw' };
  });
}
