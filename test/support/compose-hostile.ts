/** Stack files that want to hurt whoever reads them. */

function many(count: number, item: (index: number) => string, separator = ', '): string {
  return Array.from({ length: count }, (_, index) => item(index)).join(separator);
}

/** Texts by what they are, and a part of the error that each must end with. */
export const hostileFiles: Readonly<Record<string, { text: () => string; error: string }>> = {
  'ten megabytes of merges': { text: () => `x: &x {a: 1}\nservices:\n${many(500_000, (i) => `  s${i}: {<<: *x}`, '\n')}`, error: 'bytes; at most' },
  'merges below the byte cap': { text: () => `x: &x {image: a}\nservices:\n${many(42_000, (i) => `  s${i}: {<<: *x}`, '\n')}`, error: 'words and marks' },
  'wide merges': { text: () => `x: &x {${many(1000, (i) => `k${i}: 1`)}}\ny: {${many(6000, (i) => `s${i}: {<<: [*x, *x]}`)}}`, error: 'excessive aliasing' },
  'a billion laughs': {
    text: () => `a0: &a0 [${many(9, () => 'x')}]\n${many(9, (i) => `a${i + 1}: &a${i + 1} [${many(9, () => `*a${i}`)}]`, '\n')}`,
    error: 'excessive aliasing',
  },
  'mistakes everywhere': { text: () => `services: {a: {image: a, ports: [${many(36_000, (i) => `x${i}`)}]}}`, error: "format 'ports'" },
  'every port of many services': {
    text: () => `services: {${many(500, (i) => `s${i}: {image: a, ports: ["1-65535:1-65535"]}`)}}`,
    error: 'more than 65536 ports',
  },
  'a variable many times': { text: () => `services: {a: {image: a, environment: {A: "${'$BIG'.repeat(50_000)}"}}}`, error: 'variables put more than' },
  'a shared text of variables': {
    text: () => `x: &x ["${'$BIG'.repeat(1000)}"]\ny: [${many(2000, () => '*x')}]\nservices: {}`,
    error: 'variables put more than',
  },
  'a word that patterns choke on': { text: () => `services: {a: {image: a, stop_grace_period: "${'1'.repeat(100_000)}"}}`, error: "format 'duration'" },
  'a port that patterns choke on': { text: () => `services: {a: {image: a, ports: ["${'1-'.repeat(50_000)}"]}}`, error: "format 'ports'" },
  'an image that patterns choke on': { text: () => `services: {a: {image: "${'a/'.repeat(50_000)}!"}}`, error: 'invalid reference format' },
  'one key many times': { text: () => many(20_000, () => 'a: 1', '\n'), error: 'already defined' },
  brackets: { text: () => '['.repeat(100_000), error: 'max depth' },
};
