/** `stack config` in spec mode: the merged files as one, which can be deployed again. */
import type { Diagnostic, LoadRequest } from '../compose.ts';
import { loadSpecProject } from '../spec/load.ts';
import { rebaseFile } from '../spec/rebase.ts';
import { diagnosticsOf } from '../spec/report.ts';
import { isList, isMap, newMap } from '../value.ts';
import type { Value } from '../value.ts';
import { emitJson } from './emit-json.ts';
import { Ordered, emitYaml } from './emit.ts';

const sections = ['services', 'networks', 'volumes', 'secrets', 'configs'];

export type ConfigFormat = 'yaml' | 'json';

/** Text for stdout, absent when a diagnostic is an error. Never throws on what a file holds. */
export function renderSpecConfig(request: LoadRequest, format: ConfigFormat = 'yaml'): { text?: string; diagnostics: readonly Diagnostic[] } {
  const { loaded, report } = loadSpecProject(request);
  const diagnostics = diagnosticsOf(report);
  if (!loaded) return { diagnostics };
  const merged = rebaseFile(loaded.merged, request.directory);
  const extras = Object.keys(merged)
    .filter((key) => key.startsWith('x-'))
    .sort();
  const keys = [...sections, ...extras].filter((key) => merged[key] !== undefined);
  const entries = keys.map((key) => [key, escaped(merged[key] ?? null)] as const);
  const document = new Ordered([['name', loaded.stack], ...entries]);
  return { text: format === 'json' ? emitJson(document) : emitYaml(document), diagnostics };
}

/** Variables are filled in already: a dollar that is left is one. */
function escaped(value: Value): Value {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$');
  if (isList(value)) return value.map(escaped);
  if (!isMap(value)) return value;
  const result = newMap();
  for (const [key, item] of Object.entries(value)) result[key] = escaped(item);
  return result;
}
