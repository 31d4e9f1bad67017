import { defineConfig } from 'vitest/config';

// Some machines name a bundle of certificates here, which every Node process reads at its start: more work than the rest of the start, thousands of times, and no test needs it.
delete process.env['NODE_EXTRA_CA_CERTS'];

const files = (folders: string): string[] => [`test/{${folders}}/**/*.test.ts`];

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Real engines on a busy machine now and then miss a time limit; in continuous integration such a test gets two more tries, and the report says so.
    retry: process.env['CI'] ? 2 : 0,
    pool: 'forks',
    // Files with real parts wait for a good part of their time: two more workers have what the two others leave of two cores.
    maxWorkers: 4,
    // Of tests that say that they may run side by side.
    maxConcurrency: 4,
    reporters: ['default'],
    // In the order of their names: long files with real parts come first, and the short ones fill what is left beside the last of them.
    projects: [
      { extends: true, test: { name: 'a process each', include: files('simulation,contract,integration,e2e') } },
      // To start a process for each of some hundred short files costs more than what they do.
      { extends: true, test: { name: 'one process', include: files('unit,golden,property,tidy,fuzz'), isolate: false } },
    ],
  },
});
