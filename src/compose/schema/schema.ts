/** The subset of JSON Schema that our schemas are written in, with versions beside it. */
export interface Schema {
  $ref?: string;
  type?: string | readonly string[];
  properties?: Readonly<Record<string, Schema>>;
  patternProperties?: Readonly<Record<string, Schema>>;
  additionalProperties?: boolean | Schema;
  required?: readonly string[];
  items?: Schema;
  uniqueItems?: boolean;
  enum?: readonly string[];
  minimum?: number;
  format?: string;
  oneOf?: readonly Schema[];
  /** First alternative whose `until` is not passed. */
  versions?: readonly Schema[];
  since?: string;
  until?: string;
  /** The key is accepted and without effect; what to do instead. */
  warns?: string;
  /** The key is known and not taken; what to do instead. */
  refused?: string;
  definitions?: Readonly<Record<string, Schema>>;
}

/** Whether version `version` (`3.10`) lies between `since` and `until`. */
export function inVersion(schema: Schema, version: string): boolean {
  if (schema.since !== undefined && minor(version) < minor(schema.since)) return false;
  return schema.until === undefined || minor(version) <= minor(schema.until);
}

function minor(version: string): number {
  return Number(version.split('.')[1] ?? 0);
}
