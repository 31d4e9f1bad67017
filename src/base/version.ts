/** The program's version, as package.json has it. */
import manifest from '../../package.json' with { type: 'json' };

export const programVersion = manifest.version;
