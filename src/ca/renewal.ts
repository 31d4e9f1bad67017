/** When a node's certificate is to be renewed: between 50 and 80 % of its life, so that a fleet does not come all at once. */
import type { Validity } from './certificate.ts';

const earliest = 0.5;
const latest = 0.8;
const firstRetryMs = 5000;
const longestRetryMs = 3_600_000;
/** Of a node that can do nothing before: what keeps it from one may be mended at any moment, and its operator waits. */
const longestWithoutMs = 60_000;

/** Milliseconds since 1970. @param chance in [0, 1) */
export function renewAt({ notBefore, notAfter }: Validity, chance: number): number {
  return Math.round(notBefore + (notAfter - notBefore) * (earliest + (latest - earliest) * chance));
}

/** How long to wait after the `failures`th failure in a row, in milliseconds. @param hasOne the node has a good certificate meanwhile @param chance in [0, 1) */
export function renewAgainMs(failures: number, hasOne: boolean, chance: number): number {
  return Math.round(Math.min(firstRetryMs * 2 ** (failures - 1), hasOne ? longestRetryMs : longestWithoutMs) * (0.5 + chance / 2));
}

/** @param now milliseconds */
export function hasExpired({ notAfter }: Validity, now: number): boolean {
  return now >= notAfter;
}
