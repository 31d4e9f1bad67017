/** How far a stream of log lines was told, task by task: between managers alone, so that the next leader can go on where the last one died. */
import { keepNewest } from '#base/pace/newest';

/** Said by whoever carries a request, with the places to go on from in its body; answered by whoever tells them. */
export const placesHeader = 'shoal-log-places';
/** What the first says that understands a place without a line before it. */
export const bareWanted = 'bare';
/** The place of a task that had no line since `sinceMs` when it was begun with: just before that. */
export function emptyPlace(sinceMs: number | undefined): string {
  return sinceMs === undefined ? '0001-01-01T00:00:00.000000000Z' : new Date(Math.ceil(sinceMs) - 1).toISOString().replace('Z', '999999Z');
}

/** Of tasks that came and went in a stream that is followed for weeks, so many are remembered. */
const keptPlaces = 5_000;
/** More than so many take. */
export const placesLimitBytes = 1024 * 1024;

/** Task → time of its last line that was told; the one that spoke last stands last. */
export type Places = Map<string, string>;

export function placeText(taskId: string, time: string): string {
  return `${taskId}=${time}`;
}

/** Notes that a task's lines are told up to `time`, and forgets who has been silent for longest. */
export function notePlace(places: Places, taskId: string, time: string): void {
  keepNewest(places, taskId, time, keptPlaces);
}

export function placesText(places: Places): string {
  return [...places].map(([id, time]) => placeText(id, time)).join(',');
}

export function readPlaces(text: string): Places {
  const places: Places = new Map();
  for (const part of text.split(',')) {
    const [, id, time] = /^(\w+)=(\d{4}-\d\d-\d\dT[\d:.]+Z)$/.exec(part) ?? [];
    if (id !== undefined && time !== undefined) places.set(id, time);
  }
  return places;
}
