/** How much a stack file may hold: above any honest file, below what hurts. */
export const maxBytes = 4 * 1024 * 1024;
export const maxDepth = 128;
/** Values after aliases and merge keys are expanded. */
export const maxValues = 200_000;
