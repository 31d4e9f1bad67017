/** How far a stream of log lines was told, task by task: between managers alone, so that the next leader can go on where the last one died. */

/** Asked for by whoever carries a request, with the places to go on from; answered by whoever tells them. */
export const placesHeader = 'shoal-log-places';
/** Headers are short: of the tasks whose lines are oldest, the time of the oldest one named stands for all. */
const namedLimit = 100;

/** Task → time of its last line that was told, in nine digits, so that their texts compare as they do. */
export type Places = Map<string, string>;

export function placeText(taskId: string, time: string): string {
  return `${taskId}=${time}`;
}

/** The newest places, and since when lines of other tasks are wanted; undefined where nothing was told yet. */
export function placesText(places: Places): { text: string; since: string } | undefined {
  const newest = [...places].toSorted(([, a], [, b]) => (a < b ? 1 : a > b ? -1 : 0)).slice(0, namedLimit);
  const since = newest.at(-1)?.[1];
  return since === undefined ? undefined : { text: newest.map(([id, time]) => placeText(id, time)).join(','), since };
}

export function readPlaces(text: string): Places {
  const places: Places = new Map();
  for (const part of text.split(',')) {
    const [, id, time] = /^(\w+)=(\d{4}-\d\d-\d\dT[\d:.]+Z)$/.exec(part) ?? [];
    if (id !== undefined && time !== undefined) places.set(id, time);
  }
  return places;
}
