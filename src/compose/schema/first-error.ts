/** Which of a schema's errors Docker tells: the deepest path, a wrong type before others. */
import type { SchemaError } from './check.ts';

/** The one text for `errors`, which are not empty: `PATH DESCRIPTION`. */
export function firstErrorText(errors: readonly SchemaError[]): string {
  let chosen = 0;
  for (const [index, error] of errors.entries()) {
    const best = errors[chosen];
    if (best === undefined) break;
    const deeper = depth(error) - depth(best);
    if (deeper > 0 || (deeper === 0 && error.kind === 'type' && best.kind !== 'type')) chosen = index;
  }
  const error = errors[chosen];
  if (!error) return '';
  // An alternative that fits nowhere is explained by the error after it, which belongs to the nearest one.
  const message = error.kind === 'oneOf' ? (errors[chosen + 1]?.message ?? error.message) : error.message;
  return `${fieldOf(error)} ${message}`;
}

function fieldOf(error: SchemaError): string {
  return error.path.length === 0 ? '(root)' : error.path.join('.');
}

/** Counted in dots, so that a dot inside a name counts as a step, as it does for Docker. */
function depth(error: SchemaError): number {
  return fieldOf(error).split('.').length;
}
