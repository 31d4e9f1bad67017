/** How the objects of a stack are named and marked. */
import { namespaceLabel } from '#model/object/meta';
import type { Labels } from '#model/object/meta';

/** `STACK_key`. */
export function scoped(stack: string, key: string): string {
  return `${stack}_${key}`;
}

export function stackLabels(stack: string, labels: Labels | undefined): Labels {
  return { ...labels, [namespaceLabel]: stack };
}

/** Keys of a map that Go would leave out of JSON: empty texts, zeros, false, empty lists and maps, and what is absent. */
export function filled<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) if (!isEmpty(value)) result[key] = value;
  return result as T;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === '' || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return false;
}

/** undefined for a map without keys. */
export function someOf<V>(map: Readonly<Record<string, V>> | undefined): Record<string, V> | undefined {
  return map === undefined || Object.keys(map).length === 0 ? undefined : { ...map };
}
