/** Loads a program of ours, and with it what V8 had compiled of it when it was built: to compile that anew was a third of each start. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { dirname } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

const digestBytes = 32;

/** Runs the program in `file`, in CommonJS, and gives what it exports. */
export function load(file: string): unknown {
  return run(compile(file), file);
}

/**
 * Keeps compiled code beside the program: of `everything`, which costs its start some memory and saves what follows it from compiling, or of
 * what its `start` alone needs, where little follows.
 */
export function keep(file: string, what: 'everything' | 'start'): void {
  const source = readFileSync(file);
  // A flag changes what V8 takes the code for: it is gone again when that is noted.
  if (what === 'everything') setFlagsFromString('--no-lazy');
  const script = new Script(wrapped(source), { filename: file });
  if (what === 'everything') setFlagsFromString('--lazy');
  else run(script, file);
  const code = script.createCachedData();
  writeFileSync(codeFile(file), Buffer.concat([digestOf(source, code), code]));
}

/**
 * `cachedDataRejected` is false where the kept code counts. V8 itself refuses what was made under other flags.
 * @internal
 */
export function compile(file: string): Script {
  const source = readFileSync(file);
  return new Script(wrapped(source), { filename: file, cachedData: kept(file, source) });
}

/** undefined: there is none, or not of this very text by this very Node. V8 looks at the text's length alone, and damaged code ends the process. */
function kept(file: string, source: Buffer): Buffer | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(codeFile(file));
  } catch {
    return undefined;
  }
  const code = bytes.subarray(digestBytes);
  return digestOf(source, code).equals(bytes.subarray(0, digestBytes)) ? code : undefined;
}

/** The version that V8 looks at is the same for several builds of Node, and for every processor. */
function digestOf(source: Buffer, code: Buffer): Buffer {
  const node = JSON.stringify([process.version, process.platform, process.arch, process.config, source.length]);
  return createHash('sha256').update(node).update(source).update(code).digest();
}

function wrapped(source: Buffer): string {
  return Module.wrap(source.toString('utf8'));
}

/** As Node runs a CommonJS module. */
function run(script: Script, file: string): unknown {
  const module = { exports: {} };
  const start = script.runInThisContext() as (...given: unknown[]) => void;
  start.call(module.exports, module.exports, createRequire(file), module, file, dirname(file));
  return module.exports;
}

function codeFile(file: string): string {
  return file.replace(/\.cjs$/, '.code');
}
