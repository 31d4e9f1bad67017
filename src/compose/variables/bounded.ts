/** Keeps variables from blowing up a file: what they put in is counted. */
import { Refusal } from '#base/refusal';
import { maxFilledIn, minFilledIn } from '../yaml/limits.ts';

/** `lookup` that throws Refusal with the fact {endless} once its answers have more than 4 Mi characters together, of which each counts some. */
export function bounded(lookup: (name: string) => string | undefined): (name: string) => string | undefined {
  let filledIn = 0;
  return (name) => {
    const value = lookup(name);
    filledIn += Math.max(minFilledIn, value?.length ?? 0);
    if (filledIn > maxFilledIn) throw new Refusal('invalidArgument', `variables put more than ${maxFilledIn} characters into the file`, { endless: true });
    return value;
  };
}
