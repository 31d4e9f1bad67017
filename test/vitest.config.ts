import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    include: ['test/{unit,golden,property,simulation,contract,integration,e2e,tidy,fuzz}/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Real engines on a busy machine now and then miss a time limit; in continuous integration such a test gets two more tries, and the report says so.
    retry: process.env['CI'] ? 2 : 0,
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default'],
  },
});
