import type { BlockPreview } from '../../engine/preview.ts';
import { several } from './words.ts';

/** What is around the script: that itself goes to standard output as it is, so that it could be submitted by hand. */
export function previewText({ provider, initBlocks, submit, path, launch }: BlockPreview): string {
  return `${provider}: ${several(initBlocks, 'block')} at the start; the first would be submitted with
  ${submit}
and its launcher would start on its nodes
  ${launch}
Nothing was written or submitted. ${path} would be:
`;
}
