/** Names for services that were given none, as Docker makes them up: a quality and a swimmer. */
import { integerBetween, type Random } from '#base/random';
import type { View } from '../dependencies.ts';

const qualities = [
  'agile',
  'bold',
  'brisk',
  'calm',
  'clever',
  'deft',
  'eager',
  'fleet',
  'gentle',
  'happy',
  'keen',
  'lively',
  'merry',
  'noble',
  'quick',
  'quiet',
  'silver',
  'steady',
  'sunny',
  'swift',
  'tidy',
  'witty',
];
const swimmers = [
  'anchovy',
  'barbel',
  'bream',
  'carp',
  'cod',
  'dace',
  'gudgeon',
  'haddock',
  'herring',
  'lamprey',
  'mackerel',
  'minnow',
  'perch',
  'pike',
  'roach',
  'salmon',
  'sardine',
  'sprat',
  'tench',
  'trout',
  'tuna',
  'zander',
];
const attempts = 20;

/** A name that no service has. */
export function freeServiceName(view: View, random: Random): string {
  const pick = (words: readonly string[]) => words[integerBetween(random, 0, words.length - 1)] ?? '';
  let name = `${pick(qualities)}_${pick(swimmers)}`;
  for (let i = 0; i < attempts && view.byName('service', name); i++) name = `${pick(qualities)}_${pick(swimmers)}`;
  // Crowded: a number makes it free, as Docker does on its last try.
  for (let number = 2; view.byName('service', name); number++) name = `${pick(qualities)}_${pick(swimmers)}${number}`;
  return name;
}
