/** The named formats of our schemas: what a text, or a number's digits, must be. */
import { parseDuration } from '#base/text/duration';
import { maxWord } from '../yaml/limits.ts';
import { isAddress } from '#model/address';
import { readPortSpec, parseRange } from '../normalise/port-spec.ts';

export const formatNames = ['duration', 'ports', 'expose', 'port', 'range', 'address', 'count'] as const;

export type FormatName = (typeof formatNames)[number];

export function fitsFormat(format: FormatName, text: string): boolean {
  if (text.length > maxWord) return false;
  switch (format) {
    case 'duration':
      return parseDuration(text) !== undefined;
    case 'ports':
    case 'expose':
      return typeof readPortSpec(text) !== 'string';
    case 'port':
      return /^\d+$/.test(text) && Number(text) > 0 && Number(text) <= 0xffff;
    case 'range':
      return text === '' || parseRange(text) !== undefined;
    case 'address':
      return isAddress(text);
    case 'count':
      return /^(all|-1|\d{1,9})$/.test(text);
  }
}
