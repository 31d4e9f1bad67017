/** Filters of the network routes, for the cluster's networks; the engine filters its own. */
import { timeOf } from '#base/clock';
import { parseDuration } from '#base/text/duration';
import { HttpError } from '../errors.ts';
import { anyOf, byLabels, byPrefix, hasLabel, type Filters } from './filters.ts';
import type { NetworkResource } from '../view/network.ts';

export const listKeys = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type'];
export const pruneKeys = ['label', 'label!', 'until'];

/** Refuses types that there are none of, in Docker's words. */
export function checkType(filters: Filters): void {
  for (const type of filters.get('type') ?? []) if (!['builtin', 'custom'].includes(type)) throw new HttpError(400, `invalid filter: 'type'='${type}'`);
}

/** @param isUsed whether a service or task names the network */
export function passesList(filters: Filters, network: NetworkResource, isUsed: () => boolean): boolean {
  return (
    byPrefix(filters, 'id', network.Id) &&
    anyOf(filters, 'name', (name) => network.Name.includes(name)) &&
    anyOf(filters, 'driver', (driver) => driver === network.Driver) &&
    anyOf(filters, 'scope', (scope) => scope === network.Scope) &&
    anyOf(filters, 'type', (type) => type === 'custom') &&
    anyOf(filters, 'dangling', (wanted) => ['1', 'true'].includes(wanted) !== isUsed()) &&
    byLabels(filters, 'label', network.Labels)
  );
}

export function passesPrune(filters: Filters, network: NetworkResource, now: number): boolean {
  const labels = network.Labels ?? {};
  return (
    byLabels(filters, 'label', labels) &&
    (filters.get('label!') ?? []).every((unwanted) => !hasLabel(labels, unwanted)) &&
    (filters.get('until') ?? []).every((until) => timeOf(network.Created) < untilOf(until, now))
  );
}

/** Milliseconds of `until`: a Unix time, a duration back from now, or a time text. */
function untilOf(text: string, now: number): number {
  const time = timestampOf(text, now);
  if (Number.isNaN(time)) throw new HttpError(400, `failed to parse value as time or duration: ${JSON.stringify(text)}`);
  return time;
}

/** Milliseconds of a Unix time in seconds (with decimals), a Go duration before now, or an RFC 3339 text; NaN when it is none. */
export function timestampOf(text: string, now: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const duration = parseDuration(text);
  return duration === undefined ? timeOf(text) : now - duration / 1e6;
}
