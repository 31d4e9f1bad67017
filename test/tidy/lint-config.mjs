/** The linter's settings, made from the table of rooms: what pure rooms may not name, and what nobody may write. */
import { readRooms } from './table.mjs';

/** Clock, chance and the world, and what to take instead. */
const ambient = {
  Date: 'take `now` in milliseconds as an argument; base/clock turns it to text and back',
  performance: 'take `now` in milliseconds as an argument',
  setTimeout: 'return the time at which to go on; a driver has the timer',
  setInterval: 'return the time at which to go on; a driver has the timer',
  setImmediate: 'return actions; a driver carries them out',
  queueMicrotask: 'return actions; a driver carries them out',
  process: 'take what you need of the environment as an argument',
  crypto: 'take a Random as an argument',
  fetch: 'take a narrow function as an argument',
  console: 'return what there is to say; a driver logs it',
};

const chance = [
  { object: 'Math', property: 'random', message: 'Take a Random of base/random as an argument.' },
  { object: 'Date', property: 'now', message: 'Take `now` in milliseconds as an argument.' },
];

const chanceImports = [
  {
    name: 'node:crypto',
    importNames: [
      'randomBytes',
      'randomInt',
      'randomUUID',
      'randomFill',
      'randomFillSync',
      'generateKeyPair',
      'generateKeyPairSync',
      'webcrypto',
      'getRandomValues',
    ],
    message: 'Take a Random of base/random as an argument.',
  },
];

/** @param {string} [readme] */
export function lintConfig(readme) {
  const pure = readRooms(readme)
    .filter((room) => room.pure)
    .map((room) => `**/src/${room.folder}/**`);
  return {
    ignorePatterns: ['**/generated/**'],
    plugins: ['typescript', 'import', 'unicorn', 'promise'],
    categories: { correctness: 'error', suspicious: 'off' },
    rules: {
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 70 }],
      'import/no-default-export': 'error',
      'typescript/no-explicit-any': 'error',
      'typescript/no-floating-promises': 'error',
      'typescript/no-misused-promises': 'error',
      'typescript/consistent-type-imports': 'error',
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      // Names and texts from outside are searched for control characters on purpose.
      'no-control-regex': 'off',
      'unicorn/no-await-in-promise-methods': 'error',
    },
    overrides: [
      {
        files: pure,
        rules: {
          'no-restricted-globals': ['error', ...Object.entries(ambient).map(([name, advice]) => ({ name, message: `Pure rooms name no ${name}: ${advice}.` }))],
          'no-restricted-properties': ['error', ...chance],
          'no-restricted-imports': ['error', { paths: chanceImports }],
        },
      },
      // The one place that turns milliseconds into text and back: it computes, it asks no clock.
      { files: ['**/src/base/clock.ts'], rules: { 'no-restricted-globals': 'off' } },
      { files: ['**/test/**'], rules: { 'max-lines-per-function': 'off' } },
      { files: ['**/test/vitest.config.ts', '**/test/tidy/*.config.mjs'], rules: { 'import/no-default-export': 'off' } },
    ],
  };
}
