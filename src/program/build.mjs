/** `npm run build`: makes the programs in `.build`, each in one file or few, and keeps compiled code of those that many wait for. */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const folder = '.build';

/** @type {import('esbuild').BuildOptions} */
const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  outdir: folder,
  external: ['cpu-features', '*.node'],
  logLevel: 'warning',
};

/** What packages that are CommonJS find in an ES module of ours. */
const commonJs =
  "import{createRequire as shoalRequire}from'node:module';const require=shoalRequire(import.meta.url);" +
  "import{fileURLToPath as shoalPath}from'node:url';import{dirname as shoalDir}from'node:path';" +
  'const __filename=shoalPath(import.meta.url),__dirname=shoalDir(__filename);';

await build({
  ...common,
  entryPoints: {
    launcher: 'src/node/release/launcher.ts',
    load: 'src/program/load.ts',
    'git-worker': 'src/gitops/worker/main.ts',
    resolver: 'src/resolver/main.ts',
  },
  format: 'esm',
  splitting: true,
  outExtension: { '.js': '.mjs' },
  banner: { js: commonJs },
});

/** CommonJS: the compiled code of an ES module cannot be kept. @type {{ name: string, entry: string, keeps: 'everything' | 'start' }[]} */
const programs = [
  { name: 'daemon', entry: 'src/node/main.ts', keeps: 'everything' },
  { name: 'cli', entry: 'src/cli/main.ts', keeps: 'start' },
];
await build({
  ...common,
  entryPoints: Object.fromEntries(programs.map(({ name, entry }) => [name, entry])),
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  define: { 'import.meta.url': 'shoalUrl' },
  banner: { js: "const shoalUrl=require('node:url').pathToFileURL(__filename).href;" },
});

const { keep } = await import(pathToFileURL(`${folder}/load.mjs`).href);
for (const { name, keeps } of programs) {
  const file = resolve(folder, `${name}.cjs`);
  writeFileSync(file, escaped(readFileSync(file, 'utf8')));
  // What the launcher imports, and what one of an earlier version does.
  const load = `load(fileURLToPath(new URL('./${name}.cjs', import.meta.url)))`;
  writeFileSync(`${folder}/${name}.mjs`, `import { fileURLToPath } from 'node:url';\nimport { load } from './load.mjs';\nexport const { main } = ${load};\n`);
  keep(file, keeps);
}

/** One sign beyond ASCII, and V8 holds the whole text in twice as many bytes; esbuild leaves those in comments and patterns. @param {string} text */
function escaped(text) {
  return text.replaceAll(/[^\u0000-\u007f]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
