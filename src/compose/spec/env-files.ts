/** Variables from `.env` files, for a whole stack or for what one include draws in. */
import { Refusal } from '#base/refusal';
import type { Context } from '../normalise/context.ts';
import { parseDotenv } from '../variables/dotenv.ts';
import { addRefusal } from './report.ts';
import type { Report } from './report.ts';

type Lookup = (name: string) => string | undefined;

/** `lookup`, and where it knows nothing what the files say, later ones winning. A file that is missing is told unless `optional`. */
export function withEnvFiles(lookup: Lookup, paths: readonly string[], optional: boolean, context: Context, report: Report): Lookup {
  const found: Record<string, string | null> = Object.create(null) as Record<string, string | null>;
  for (const path of paths) {
    try {
      Object.assign(found, parseDotenv(path, context.read(path), lookup));
    } catch (error) {
      // A file that is there and cannot be read or understood is always a mistake.
      if (!(optional && error instanceof Refusal && /no such file/.test(error.message))) addRefusal(report, error);
    }
  }
  return (name) => lookup(name) ?? found[name] ?? undefined;
}
