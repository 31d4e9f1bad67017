/** All that takes bytes from outside. */
import { apiTarget } from './api.ts';
import { composeTarget } from './compose.ts';
import { dnsTarget } from './dns.ts';
import { gitTreesTarget } from './git-trees.ts';
import { imageTarget } from './image.ts';
import { logFramesTarget } from './log-frames.ts';
import type { AnyTarget } from './target.ts';

export const targets: readonly AnyTarget[] = [apiTarget, composeTarget, dnsTarget, logFramesTarget, imageTarget, gitTreesTarget];
