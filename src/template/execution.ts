// What a statement becomes.

import type { Activation } from './activation.ts';
import type { Frame } from './frame.ts';
import type { Body, Statement } from './tree.ts';

export type Execute = (on: Activation) => void;
/** Statements with bodies are given this to make them. */
export type MakeBody = (node: Body | readonly Statement[], frame: Frame) => Execute;
