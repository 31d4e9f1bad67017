/** Times as flags give them: RFC 3339, seconds since 1970, or a duration back from now. */
import { nanosecondsPerMillisecond, parseDuration } from '#base/text/duration';
import { CommandError, exitCodes } from './command-error.ts';

/** Seconds since 1970, as the Engine API takes them. @param flag for the refusal, such as `--since` */
export function unixSeconds(flag: string, text: string): string {
  if (/^\d+(\.\d+)?$/.test(text)) return text;
  const span = parseDuration(text);
  const ms = span === undefined ? Date.parse(text) : Date.now() - span / nanosecondsPerMillisecond;
  if (Number.isNaN(ms)) throw new CommandError(`${flag} takes a time such as 2026-01-02T15:04:05Z or a duration such as 10m, not "${text}"`, exitCodes.usage);
  return (ms / 1000).toFixed(3);
}
