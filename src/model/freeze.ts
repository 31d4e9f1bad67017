/** Freeze windows: when nothing of a repository is written. `Fri 16:00-Mon 08:00 Europe/Berlin` each week, `22:00-06:00` each day, `2026-12-20/2027-01-02` once; UTC unless a zone is named. */
import { timeOf, timeText } from '#base/clock';
import { Refusal } from '#base/refusal';

const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const dayMinutes = 24 * 60;
const weekMinutes = 7 * dayMinutes;
const grammar =
  '`Fri 16:00-Mon 08:00 Europe/Berlin` (each week), `22:00-06:00 UTC` (each day) or `2026-12-20/2027-01-02` (from the first day until the last begins)';

interface LocalTime {
  /** Since Sunday. */
  weekMinute: number;
  /** `2026-12-20T16:00` */
  text: string;
}

/** Whether a time is inside. */
type Window = { zone: string; holds: (now: LocalTime) => boolean };

/** The window that holds at `now`, as it was written; undefined: none does. */
export function frozenBy(windows: readonly string[] | undefined, now: number): string | undefined {
  return windows?.find((text) => {
    const window = readWindow(text);
    return window?.holds(localTime(now, window.zone)) === true;
  });
}

/** Refuses what is no window. */
export function checkFreeze(windows: readonly string[]): void {
  for (const text of windows) if (!readWindow(text)) throw new Refusal('invalidArgument', `"${text}" is no freeze window: write ${grammar}`);
}

function readWindow(text: string): Window | undefined {
  const [, span = '', zone = 'UTC'] = /^(\S+(?: \d\d?:\d\d-\S+)?(?: \d\d?:\d\d)?)(?: ([A-Za-z][A-Za-z0-9_+/-]*))?$/.exec(text.trim()) ?? [];
  if (span === '' || !isZone(zone)) return undefined;
  const holds = dates(span) ?? weekly(span) ?? daily(span);
  return holds && { zone, holds };
}

function dates(span: string): Window['holds'] | undefined {
  const [, from, to] = /^(\d{4}-\d\d-\d\d(?:T\d\d:\d\d)?)\/(\d{4}-\d\d-\d\d(?:T\d\d:\d\d)?)$/.exec(span) ?? [];
  if (from === undefined || to === undefined || !(from < to) || !isMoment(from) || !isMoment(to)) return undefined;
  return ({ text }) => text >= from && text < to;
}

/** A day that there is, at a time that there is. */
function isMoment(text: string): boolean {
  const moment = text.includes('T') ? text : `${text}T00:00`;
  const at = timeOf(`${moment}:00Z`);
  return !Number.isNaN(at) && timeText(at).startsWith(moment);
}

function weekly(span: string): Window['holds'] | undefined {
  const [, fromDay, from, toDay, to] = /^([A-Za-z]{3}) (\d\d?:\d\d)-([A-Za-z]{3}) (\d\d?:\d\d)$/.exec(span) ?? [];
  const [start, end] = [weekMinuteOf(fromDay, from), weekMinuteOf(toDay, to)];
  if (start === undefined || end === undefined || start === end) return undefined;
  return ({ weekMinute }) => isBetween(weekMinute, start, end, weekMinutes);
}

function daily(span: string): Window['holds'] | undefined {
  const [, from, to] = /^(\d\d?:\d\d)-(\d\d?:\d\d)$/.exec(span) ?? [];
  const [start, end] = [minuteOf(from), minuteOf(to)];
  if (start === undefined || end === undefined || start === end) return undefined;
  return ({ weekMinute }) => isBetween(weekMinute % dayMinutes, start, end, dayMinutes);
}

/** From `start` to before `end` on a ring. */
function isBetween(minute: number, start: number, end: number, ring: number): boolean {
  return (minute - start + ring) % ring < (end - start + ring) % ring;
}

function weekMinuteOf(day: string | undefined, time: string | undefined): number | undefined {
  const [index, minute] = [days.indexOf((day ?? '').toLowerCase()), minuteOf(time)];
  return index < 0 || minute === undefined ? undefined : index * dayMinutes + minute;
}

function minuteOf(time: string | undefined): number | undefined {
  const [hours = NaN, minutes = NaN] = (time ?? '').split(':').map(Number);
  return hours < 24 && minutes < 60 ? hours * 60 + minutes : undefined;
}

function isZone(zone: string): boolean {
  try {
    return formatOf(zone) !== undefined;
  } catch {
    return false;
  }
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const two = '2-digit';
  return new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'short', year: 'numeric', month: two, day: two, hour: two, minute: two, hourCycle: 'h23' });
}

function localTime(now: number, zone: string): LocalTime {
  const parts = Object.fromEntries(
    formatOf(zone)
      .formatToParts(now)
      .map(({ type, value }) => [type, value]),
  );
  const { weekday = '', year = '', month = '', day = '', hour = '', minute = '' } = parts;
  return {
    weekMinute: days.indexOf(weekday.toLowerCase()) * dayMinutes + Number(hour) * 60 + Number(minute),
    text: `${year}-${month}-${day}T${hour}:${minute}`,
  };
}
