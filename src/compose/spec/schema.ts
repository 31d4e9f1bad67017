/** The schema of spec mode: version 3 with the Compose Specification's keys laid over it. */
import specOnly from '#schemas/compose-spec-only.json' with { type: 'json' };
import v3 from '#schemas/compose-v3.json' with { type: 'json' };
import type { Schema } from '../schema/schema.ts';

/** Every version 3 key is known, whatever `version` says: the key is without meaning to the Compose Specification. */
export const specVersion = '3.13';

/** Objects merge; all else is replaced. */
function overlay(base: unknown, over: unknown): unknown {
  if (!isObject(base) || !isObject(over)) return over;
  const result: Record<string, unknown> = { ...base };
  // A form of its own stands in the place of the one that was pointed to.
  if ('oneOf' in over || 'type' in over) delete result['$ref'];
  if ('oneOf' in over) delete result['type'];
  for (const [key, value] of Object.entries(over)) result[key] = key in base ? overlay(base[key], value) : value;
  return result;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export const specSchema = overlay(v3, specOnly) as Schema;
