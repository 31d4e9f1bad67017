/** Loads one hostile file and prints its first error. Arguments: mode, name of the file. */
import { errorsOf, load } from './compose.ts';
import { hostileFiles } from './compose-hostile.ts';

const [mode, name = ''] = process.argv.slice(2);
const text = hostileFiles[name]?.text() ?? '';
const result = load({ 'compose.yml': text }, { mode: mode === 'strict' ? 'strict' : 'spec', environment: { BIG: 'y'.repeat(10_000) } });
process.stdout.write(errorsOf(result)[0]?.slice(0, 500) ?? 'no error');
