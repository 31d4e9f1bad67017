/** Requests and certificates cost milliseconds each: where many nodes come at once, one after the other leaves the event loop to others in between. */
import { OneByOne } from '#base/pace/one-by-one';
import { Refusal } from '#base/refusal';

/**
 * Who waits behind so many is told at once to come again.
 * @internal
 */
export const longestLine = 256;

export function signingLine(): OneByOne {
  return new OneByOne({
    most: longestLine,
    refusal: () => new Refusal('unavailable', 'too many nodes ask for certificates at once: try again in a few seconds'),
  });
}
